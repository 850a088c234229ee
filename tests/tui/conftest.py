"""Runs to look at, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui.runs import Made, make_run


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A finished run of 400 programs on four islands, some written by a model."""
    return make_run(tmp_path_factory.mktemp("runs") / "first", 400, models=True)


@pytest.fixture(scope="session")
def run_folder(made: Made) -> Path:
    """Its folder."""
    return made.folder
