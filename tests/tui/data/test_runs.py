from __future__ import annotations

from pathlib import Path

import numpy as np

from evolve.store import Mailbox, Viewer
from evolve.tui.data import _runs as listed
from evolve.tui.data._about import about
from evolve.tui.data._run import Feed, RunState
from tests.tui.runs import Made, make_run


def test_what_the_list_says_of_a_run(made: Made) -> None:
    run = listed.brief(made.folder)
    best = made.state.best
    assert best is not None
    assert (run.state, run.programs, run.best, run.at_s) == ("max_evals", 400, best[1], 80.0)
    assert run.curve[-1] == (400, best[1])
    assert [value for _, value in run.curve] == sorted(value for _, value in run.curve)
    text = listed.row(run, here=True, mark="●").plain
    assert all(word in text for word in ("● ▸ first", "max_evals", "400", "circle_packing n=26"))


def test_a_folder_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "wreck").mkdir()
    (tmp_path / "wreck" / "run.db").write_text("nonsense")
    (tmp_path / "empty").mkdir()
    (folder,) = listed.folders(tmp_path)
    run = listed.brief(folder)
    assert run.state == "unreadable"
    assert "not a SQLite database" in listed.row(run, here=False, mark="").plain


def test_only_like_is_compared_with_like(made: Made, tmp_path: Path) -> None:
    known = about(made.folder)
    assert listed.comparable(listed.brief(made.folder), known)
    other = make_run(tmp_path / "other", 5, problem="heilbronn_triangle")
    assert not listed.comparable(listed.brief(other.folder), known)


def test_the_comparison_shows_each_run_with_a_mark_of_its_own(made: Made, tmp_path: Path) -> None:
    run = RunState.begin(about(made.folder), lambda: 0.0)
    with Viewer(made.folder) as viewer:
        run.take(Feed(viewer, Mailbox(made.folder), lambda: False).poll())
    other = listed.brief(make_run(tmp_path / "other", 100, seed=3).folder)
    text = "\n".join(line.plain for line in listed.comparison(run, [other], 80, 16))
    assert "● first" in text
    assert "▲ other" in text
    assert listed.marks(made.folder, [other.folder]) == {made.folder: "●", other.folder: "▲"}


def test_the_curve_of_the_list_is_that_of_the_ledger(made: Made) -> None:
    run = RunState.begin(about(made.folder), lambda: 0.0)
    with Viewer(made.folder) as viewer:
        run.take(Feed(viewer, Mailbox(made.folder), lambda: False).poll())
    for seq, value in listed.brief(made.folder).curve:
        assert np.isclose(run.ledger.bests[seq - 1], value)
