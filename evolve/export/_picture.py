"""Pictures of a solution, drawn by the problem's own module on matplotlib axes."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from evolve.problem import Problem

INSTALL_HINT = "no picture: matplotlib is not installed (pip install 'evolve-engine[plot]')"


def draw_pictures(problem: Problem, artifact: Any, folder: Path) -> tuple[list[Path], str]:
    """Write `picture.svg` and `picture.png`; return them, and a note when there are none.

    A drawing module that fails costs the pictures, not the export.

    Args:
        problem: Names the module that draws.
        artifact: The decoded solution, as the scorer returned it.
        folder: Where to write.
    """
    if problem.spec.draw is None:
        return [], ""
    try:
        import matplotlib as mpl  # lazily: 0.4 s, and an extra
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        return [], INSTALL_HINT
    figure = Figure(figsize=(6, 6), layout="constrained")
    FigureCanvasAgg(figure)
    path = problem.folder / problem.spec.draw
    try:
        _load(path).draw(figure.add_subplot(), artifact, problem.params)
    except Exception as error:  # noqa: BLE001 - the problem author's module may raise anything
        return [], f"no picture: {path}: drawing the solution failed: {type(error).__name__}: {error}"
    files = [folder / "picture.svg", folder / "picture.png"]
    with mpl.rc_context({"svg.hashsalt": "evolve"}):  # equal solutions give equal files
        figure.savefig(files[0], metadata={"Date": None})
        figure.savefig(files[1], dpi=150)
    return files, ""


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("problem_draw", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
