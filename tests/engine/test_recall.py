"""Results of other runs: used where they are known, and never a difference to what is found."""

from __future__ import annotations

from pathlib import Path

from evolve.store import Reader
from tests.engine.helpers import digest, evolve_sums


def test_a_second_run_recalls_the_first_and_finds_the_same(tmp_path: Path) -> None:
    one = evolve_sums(tmp_path, name="one", evals=25)
    two = evolve_sums(tmp_path, name="two", evals=25)
    assert digest(one.folder) == digest(two.folder)
    with Reader(one.folder) as first, Reader(two.folder) as second:
        assert not any(row.recalled for row in first.stage_results())
        recalled = {row.ticket for row in second.stage_results() if row.recalled}
        assert 1 not in recalled, "a seed is always evaluated in full"
        assert recalled


def test_a_stage_that_did_not_run_says_what_blocked_it(tmp_path: Path) -> None:
    result = evolve_sums(tmp_path, name="run", evals=40)
    with Reader(result.folder) as reader:
        (started,) = reader.events(kind="started")
        assert started.data["pipeline"][0]["name"] == "parse"
        broken = {row.ticket: row.status for row in reader.stage_results() if row.stage == "run"}
        blocked = [row for row in reader.stage_results() if row.status == "skipped"]
    for row in blocked:
        assert row.feedback == f"run did not succeed: {broken[row.ticket]}"
