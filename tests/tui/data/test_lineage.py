from __future__ import annotations

from pathlib import Path

import pytest

from evolve.errors import UsageError
from evolve.store import Reader, Viewer
from evolve.tui.data._about import about
from evolve.tui.data._lineage import lineage, story, tree
from tests.tui.runs import Made, make_run


def test_the_line_is_that_of_the_store(made: Made) -> None:
    known = about(made.folder)
    with Viewer(made.folder) as viewer, Reader(made.folder) as reader:
        for program in (1, 57, 399):
            found = lineage(viewer, program, known)
            chain = [reader.commit(program)]
            while chain[-1].parents:
                chain.append(reader.commit(chain[-1].parents[0]))
            assert [step.kin.id for step in found.steps] == [commit.program.id for commit in chain[::-1]]
            for step, commit in zip(found.steps, chain[::-1], strict=True):
                assert step.kin.objective == commit.evaluation.objective
                assert [kin.id for kin in step.others] == list(commit.parents[1:])
            assert found.program == program


def test_steps_say_what_they_changed(made: Made) -> None:
    known = about(made.folder)
    best = made.state.best
    assert best is not None
    with Viewer(made.folder) as viewer:
        found = lineage(viewer, best[0], known)
    for before, step in zip(found.steps, found.steps[1:], strict=False):
        assert step.kin.objective is not None
        assert before.kin.objective is not None
        assert step.gain == step.kin.objective - before.kin.objective
    heights = [step.kin.objective for step in found.steps if step.record]
    assert heights == sorted(heights, key=lambda value: value or 0.0)
    assert found.steps[-1].record


def test_the_tree_names_every_program_of_the_line_parts_and_children(made: Made) -> None:
    known = about(made.folder)
    with Viewer(made.folder) as viewer:
        found = lineage(viewer, 1, known)
        rows = tree(found, known)
        assert [row.program for row in rows] == [1, *viewer.children(1)]
        assert len(rows) > 1
        other = next(n for n in range(7, 400, 7) if len(viewer.reader.commit(n).parents) > 1)
        rows = tree(lineage(viewer, other, known), known)
    parts = [row.text.plain for row in rows if "takes a part of" in row.text.plain]
    assert parts
    assert "└" in rows[-1].text.plain or "◉" in rows[-1].text.plain


def test_the_story_tells_every_new_height(made: Made) -> None:
    known = about(made.folder)
    best = made.state.best
    assert best is not None
    with Viewer(made.folder) as viewer:
        found = lineage(viewer, best[0], known)
    told = [branch.text.plain for branch in story(found, known)]
    assert told[0].startswith("It begins with program 1 (seed program)")
    assert sum(line.startswith("★") for line in told) == sum(step.record for step in found.steps[1:])
    assert "the best reference is 2.63598308492" in told[-1]


def test_a_problem_that_minimizes_points_the_other_way(tmp_path: Path) -> None:
    problem = Path(__file__).parents[3] / "problems" / "circle_packing"
    copy = tmp_path / "low"
    copy.mkdir()
    for part in ("seeds", "blocks", "score.py", "draw.py"):
        (copy / part).symlink_to(problem / part)
    text = (problem / "problem.toml").read_text().replace('direction = "maximize"', 'direction = "minimize"')
    (copy / "problem.toml").write_text(text)
    made = make_run(tmp_path / "runs" / "low", 80, problem=str(copy))
    known = about(made.folder)
    assert not known.maximize
    best = made.state.best
    assert best is not None
    with Viewer(made.folder) as viewer:
        found = lineage(viewer, best[0], known)
    assert len(found.steps) > 1
    for row, step in zip(
        (r for r in tree(found, known) if "takes" not in r.text.plain), found.steps, strict=False
    ):
        if step.gain is not None and step.gain < 0:
            assert "▲" in row.text.plain


def test_an_unknown_program_is_refused(made: Made) -> None:
    with Viewer(made.folder) as viewer, pytest.raises(UsageError, match="programs 1 to 400"):
        lineage(viewer, 5_000, about(made.folder))
