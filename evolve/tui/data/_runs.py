"""Several runs: a list of them, and their curves side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.text import Text

from evolve.errors import EvolveError
from evolve.store import Viewer, is_live
from evolve.tui.data._about import About, about
from evolve.tui.data._chart import MARKS, Series, chart
from evolve.tui.data._format import NONE, duration, score
from evolve.tui.data._overview import references
from evolve.tui.data._run import MARKS as SESSIONS
from evolve.tui.data._run import RunState
from evolve.tui.data._text import one_line

_STYLES = ("cyan", "magenta", "green", "bright_yellow", "blue", "red")


@dataclass(frozen=True, slots=True)
class RunBrief:
    """One run of the list.

    Attributes:
        folder: Where it is.
        title: Problem with its parameters.
        metric: What its score is.
        state: How it stands.
        best: Its best score, or None.
        programs: Committed programs.
        at_s: Run time in seconds.
        created_at: When it was begun; UTC, ISO 8601.
        curve: (commit, score) of every improvement, and the last commit.
        trouble: Why it cannot be read; empty when all is well.
    """

    folder: Path
    title: str = ""
    metric: str = ""
    state: str = "unreadable"
    best: float | None = None
    programs: int = 0
    at_s: float = 0.0
    created_at: str = ""
    curve: tuple[tuple[int, float], ...] = ()
    trouble: str = ""


def folders(runs: Path) -> list[Path]:
    """Return the folders of all runs, by name."""
    return sorted(path.parent for path in runs.glob("*/run.db"))


def brief(folder: Path) -> RunBrief:
    """Read what the list says of a run; one that cannot be read says why."""
    try:
        known = about(folder)
        with Viewer(folder) as viewer:
            bests, programs = viewer.improvements(), viewer.committed()
            values = [(seq, float(value)) for seq, value in bests]
            return RunBrief(
                folder,
                known.title,
                known.metric,
                _state(folder, viewer),
                values[-1][1] if values else None,
                programs,
                viewer.last_at_s(),
                viewer.created_at(),
                (*values, (programs, values[-1][1])) if values else (),
            )
    except EvolveError as error:
        return RunBrief(folder, trouble=str(error))


def _state(folder: Path, viewer: Viewer) -> str:
    if is_live(folder):
        return "running"
    marks = [event for kind in SESSIONS if (event := viewer.latest(kind)) is not None]
    last = max(marks, key=lambda event: event.id, default=None)
    if last is None or last.kind in ("started", "resumed"):
        return "broken off"
    return "failed" if last.kind == "failed" else str(last.data.get("reason", "stopped"))


def head() -> Text:
    """Return the headings of the list."""
    return Text(f"{'':<4}{'run':<40}{'state':<14}{'best':>14}{'programs':>10}{'time':>9}  problem", end="")


def row(run: RunBrief, *, here: bool, mark: str) -> Text:
    """Return a run's row.

    Args:
        run: The run.
        here: It is the one that is shown.
        mark: Of its curve; empty when it is not compared.
    """
    line = Text(f"{mark or ' ':<2}{'▸' if here else ' '} ", "bold", end="", no_wrap=True)
    line.append(f"{one_line(run.folder.name, 39):<40}", "bold" if here else "")
    line.append(f"{one_line(run.state, 13):<14}", "green" if run.state == "running" else "")
    if run.trouble:
        return line.append(one_line(run.trouble, 300), "red")
    best = NONE if run.best is None else score(run.best, 10)
    line.append(f"{best:>14}{run.programs:>10,}{duration(run.at_s):>9}  {one_line(run.title, 80)}")
    return line


def comparable(run: RunBrief, shown: About) -> bool:
    """Tell whether a run's curve can stand beside the one shown: one problem, one set of parameters."""
    return not run.trouble and run.title == shown.title and run.metric == shown.metric


def marks(folder: Path, compared: Sequence[Path]) -> dict[Path, str]:
    """Return the mark of each curve, by folder; the run that is shown has the first."""
    return dict(zip((folder, *compared), MARKS, strict=False))


def comparison(
    run: RunState, others: Sequence[RunBrief], width: int, height: int, *, late: bool = False
) -> list[Text]:
    """Draw the best scores of runs over the programs that they made."""
    ledger = run.ledger
    xs = np.arange(1, ledger.size + 1, dtype=np.float64)
    series = [Series(one_line(run.about.name, 40), xs, ledger.bests, _STYLES[0])]
    for index, other in enumerate(others, 1):
        at = np.array([seq for seq, _ in other.curve], dtype=np.float64)
        ys = np.array([value for _, value in other.curve], dtype=np.float64)
        series.append(Series(one_line(other.folder.name, 40), at, ys, _STYLES[index % len(_STYLES)]))
    longest = max((float(one.xs[-1]) for one in series if len(one.xs)), default=0.0)
    since = longest * 0.25 if late else None
    return chart(
        series, references(run), width, height, since=since, x_name="programs", empty="no valid program yet"
    )
