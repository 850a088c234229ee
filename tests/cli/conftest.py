"""A shell in a folder of its own that holds the toy problem, and one finished run of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from evolve.engine import Budget, run
from tests.cli.toy import Shell, write_toy
from tests.engine.conftest import litellm_loaded

__all__ = ["litellm_loaded"]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the problem `toy` and its run `runs/done` of 30 evaluations; never changed."""
    folder = tmp_path_factory.mktemp("finished")
    write_toy(folder)
    run(folder / "toy", budget=Budget(max_evals=30), runs=folder / "runs", run_id="done")
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder that holds the problem `toy`."""
    write_toy(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EVOLVE_RUNS", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)
    return tmp_path


@pytest.fixture
def shell(place: Path, capsys: pytest.CaptureFixture[str]) -> Shell:  # noqa: ARG001
    """Return the command line, in that folder."""
    return Shell(capsys)


@pytest.fixture
def done(place: Path, finished: Path) -> Path:
    """Return a finished run of this folder's problem, `runs/done`, free to be damaged."""
    copy = place / "runs" / "done"
    shutil.copytree(finished / "runs" / "done", copy)
    config = copy / "config.toml"
    config.write_text(config.read_text().replace(str(finished), str(place)))
    return copy
