"""Same seed, same run: whatever the number of workers and whoever finishes first."""

from __future__ import annotations

from pathlib import Path

from evolve.store import Reader
from tests.engine.helpers import digest, evolve_sums


def test_workers_do_not_change_the_run(tmp_path: Path) -> None:
    one = evolve_sums(tmp_path, name="one", workers=1)
    three = evolve_sums(tmp_path, name="three", workers=3)
    assert digest(one.folder) == digest(three.folder)
    assert one.archive_digest == three.archive_digest
    assert one.best_program == three.best_program


def test_seed_and_window_change_the_run(tmp_path: Path) -> None:
    digests = {
        digest(evolve_sums(tmp_path, name="a", evals=30).folder),
        digest(evolve_sums(tmp_path, name="b", evals=30, seed=1).folder),
        digest(evolve_sums(tmp_path, name="c", evals=30, window=3).folder),
    }
    assert len(digests) == 3


def test_a_ticket_saw_the_archive_one_window_before(tmp_path: Path) -> None:
    result = evolve_sums(tmp_path, name="run", window=4)
    with Reader(result.folder) as reader:
        commits = list(reader.commits())
    assert [c.program.id for c in commits] == list(range(1, len(commits) + 1))
    for commit in commits[1:]:
        assert commit.program.saw >= commit.program.id - 4
        assert all(parent <= commit.program.saw for parent in commit.parents)
    # all but the first ones and the last (held back by the budget) saw exactly that state
    steady = [c for c in commits if 5 < c.program.id < len(commits) - 4]
    assert steady
    assert all(c.program.saw == c.program.id - 4 for c in steady)


def test_duplicates_are_not_evaluated_again(tmp_path: Path) -> None:
    result = evolve_sums(tmp_path, name="run", evals=150)
    with Reader(result.folder) as reader:
        commits = list(reader.commits())
        first: dict[bytes, int] = {}
        for commit in commits:
            code, program = commit.program.code_hash, commit.program.id
            stages = reader.stage_results(ticket=program)
            if commit.evaluation.status == "duplicate":
                assert commit.evaluation.duplicate_of == first[code]
                assert commit.evaluation.objective is None
            elif code:
                assert code not in first
                first[code] = program
                assert stages
    assert result.evaluations == 150
