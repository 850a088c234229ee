"""`evolve show RUN PROGRAM --pipeline`: the graph, what ran, and what blocked what did not."""

from __future__ import annotations

import json
from pathlib import Path

from evolve.store import Reader
from tests.cli.toy import Shell, write_toy

STAGES = [
    {"name": "parse", "kind": "parse"},
    {"name": "run", "kind": "run", "needs": ["parse"]},
    {"name": "complexity", "kind": "complexity", "needs": ["parse"]},
    {"name": "score", "kind": "score", "needs": ["run"]},
    {"name": "gate", "kind": "gate", "needs": ["score"], "options": {"require": "value > 0.3"}},
    {"name": "again", "kind": "run", "needs": ["gate", "parse"]},
    {"name": "late", "kind": "descriptors", "needs": ["score"], "when": "value > 99"},
    {"name": "always", "kind": "lineage", "after": ["again"], "always": True},
]


def test_the_graph_shows_what_ran_and_what_blocked_the_rest(shell: Shell, place: Path) -> None:
    seed = "def solve(n):\n    return 0.25 * n\n"
    write_toy(place, seed=seed, stages=STAGES)
    ran = shell(
        "run",
        "toy",
        "--max-evals",
        20,
        "--runs",
        "runs",
        "--id",
        "some",
        "--no-cache",
        "--sandbox",
        "process",
    )
    assert ran.code == 0, ran.err
    with Reader(place / "runs" / "some") as reader:
        gated = next(brief.id for brief in reader.briefs() if brief.status == "gated")
        nothing = next(
            (brief.id for brief in reader.briefs() if brief.status in ("refused", "duplicate")), None
        )
    said = shell("show", "some", gated, "--pipeline").out
    names = [line.split("└─ ")[-1].split()[0] for line in said.splitlines()[1:] if line.strip()]
    assert names == ["parse", "run", "score", "gate", "again", "always", "late", "complexity"]
    assert "skipped" in said
    assert "gate did not succeed: gated" in said
    assert "late" in said
    assert "wanted value > 99" in said
    facts = json.loads(shell("show", "some", gated, "--pipeline", "--json").out)
    text = json.dumps(facts)
    assert all(word in text for word in ('"idle"', '"skipped"', '"gated"', '"ok"'))
    if nothing is not None:
        assert "not run" in shell("show", "some", nothing, "--pipeline").out


def test_a_fork_shows_the_graph_too(shell: Shell, done: Path) -> None:
    with Reader(done) as reader:
        last = reader.last_id()
    forked = shell("fork", "done", "--at", last - 5, "--max-evals", 34, "--id", "other")
    assert forked.code == 0, forked.err
    for program in (1, last - 2):
        said = shell("show", "other", program, "--pipeline").out
        assert "   └─ score" in said
