"""What users ask of a run is part of the run: on record, repeated by a resume, a replay and a fork."""

from __future__ import annotations

import asyncio
from pathlib import Path
from random import Random

import pytest

from evolve.engine import Budget, afork, areplay
from evolve.prompts import PromptContext
from evolve.store import Commit, Reader
from tests.engine.helpers import digest
from tests.engine.simulated import Killed, Watching, World, begin, inside, models_of
from tests.engine.steered import ASKS, BETTER, Ask, cut, hands, requests_of, resumed, steered


def commits(folder: Path) -> dict[int, Commit]:
    with Reader(folder) as reader:
        return {commit.program.id: commit for commit in reader.commits()}


def test_every_request_is_on_record_before_it_is_used(tmp_path: Path) -> None:
    result, said = steered(World(), tmp_path)
    assert [answer[0] for _, answer in said] == [True] * len(ASKS)
    recorded = [event.data for event in requests_of(result.folder)]
    assert [(d["id"], d["kind"], d["status"], d["answer"]) for d in recorded] == [
        (request.id, request.kind, "done", answer[1]) for request, answer in said
    ]
    assert [d["commits"] for d in recorded] == sorted(d["commits"] for d in recorded)
    found = commits(result.folder)
    for data in recorded:
        if data["kind"] == "inject":
            program = found[data["ticket"]].program
            assert (program.operator, program.arm, found[program.id].parents) == ("inject", "inject", ())
            assert program.saw > data["commits"], "decided before it was prepared"
            assert f"program {program.id}" in data["answer"]


def test_injected_programs_are_evaluated_like_others(tmp_path: Path) -> None:
    result, _ = steered(World(), tmp_path)
    injected = [found for found in commits(result.folder).values() if found.program.operator == "inject"]
    good, wrong, for_one, known = injected
    assert (good.evaluation.status, good.program.island, good.program.change) == (
        "valid",
        None,
        "injected: by [hand]",
    )
    assert wrong.evaluation.status == "refused"
    assert "must define `def value(...)`" in wrong.evaluation.feedback
    assert (for_one.evaluation.status, for_one.program.island) == ("valid", 1)
    assert (known.evaluation.status, known.evaluation.duplicate_of) == ("duplicate", good.program.id)
    with Reader(result.folder) as reader:
        assert [row.island for row in reader.archive_events(program=good.program.id)] == [0, 1]
        assert [row.island for row in reader.archive_events(program=for_one.program.id)] == [1]
        assert reader.text(good.program.id) == BETTER
    assert result.evaluations == 60, "they count"


def test_a_banned_program_is_a_parent_no_more(tmp_path: Path) -> None:
    result, _ = steered(World(), tmp_path)
    since = {data["kind"]: data["commits"] for data in (e.data for e in requests_of(result.folder))}
    banned_at = since["ban"]
    late = [found for found in commits(result.folder).values() if found.program.saw > banned_at]
    assert late
    assert all(1 not in found.parents for found in late)
    with Reader(result.folder) as reader:
        (cells,) = [e.data["cells"] for e in reader.events(kind="request") if e.data["id"] == 6]
        assert [island for island, _, _ in cells] == [0, 1]
        assert 1 not in {holder for _, _, holder in cells}
        assert reader.banned() == {1}
        assert reader.pinned() == set()
        assert 1 not in {move.program for move in reader.migrations() if move.seq > banned_at}


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("chance", [1, 2])
def test_the_same_requests_give_the_same_run(tmp_path: Path, workers: int, chance: int) -> None:
    whole, _ = steered(World(), tmp_path)
    fresh = cut(whole.folder, tmp_path / "runs" / "fresh", 0)
    again = resumed(World(Random(chance)), fresh, workers=workers)
    assert digest(fresh) == digest(whole.folder)
    assert again.archive_digest == whole.archive_digest
    assert (again.best_id, again.best_objective) == (whole.best_id, whole.best_objective)


def test_without_the_requests_it_is_another_run(tmp_path: Path) -> None:
    whole, _ = steered(World(), tmp_path)
    for number in (1, 2, 6):
        target = tmp_path / "runs" / f"but-{number}"
        other = cut(whole.folder, target, 0, without=number)
        assert resumed(World(), other).archive_digest != whole.archive_digest


@pytest.mark.parametrize("order", ["ticket", "arrival"])
def test_a_replay_repeats_what_was_asked(tmp_path: Path, order: str) -> None:
    world = World(Random(5))
    result, _ = steered(world, tmp_path, order=order)
    with inside(World(Random(9))):
        replayed = asyncio.run(areplay(result.folder, workers=4))
    assert replayed.same, replayed.difference
    assert replayed.result.archive_digest == result.archive_digest
    assert replayed.result.best_id == result.best_id
    bests = []
    for folder in (result.folder, replayed.result.folder):
        with Reader(folder) as reader:
            assert reader.banned() == {1}
            bests.append([(event.ticket, event.data) for event in reader.events(kind="best")])
    assert bests[0] == bests[1]


@pytest.mark.parametrize("order", ["ticket", "arrival"])
def test_a_kill_at_any_write_loses_no_request(tmp_path: Path, order: str) -> None:
    """Kill at every write around those of the requests; then go on, and repeat it from the beginning."""
    for kill_at in range(8, 40, 3):
        world = World(Random(3), kill_at=kill_at)
        name = f"killed-{kill_at}"
        with pytest.raises(Killed):
            steered(world, tmp_path, name=name, order=order)
        folder = tmp_path / "runs" / name
        recorded = [event.data for event in requests_of(folder)]
        world.kill_at = None
        result = resumed(world, folder)
        assert [event.data for event in requests_of(folder)] == recorded, "done once, and not anew"
        assert result.reason == "max_evals"
        found = commits(folder)
        for data in recorded:
            if data["kind"] == "inject":
                assert found[data["ticket"]].program.operator == "inject"
        with inside(World()):
            assert asyncio.run(areplay(folder)).same
        if order == "ticket":
            fresh = cut(folder, tmp_path / "runs" / f"{name}-fresh", 0)
            resumed(World(), fresh, workers=4)
            assert digest(fresh) == digest(folder)


def test_a_kill_by_the_very_request_does_nothing(tmp_path: Path) -> None:
    """The request cannot be recorded: the session ends, and what was in memory alone is gone."""
    world = World()
    asks: list[Ask] = [(20, "ban", {"program": 1})]

    def last(value: float) -> dict[str, float]:
        if world.evaluated >= 20 and world.kill_at is None:
            world.kill_at = 0
        return {"value": value % 1.0, "size": value * 7.0 % 1.0}

    world.judge = last
    with pytest.raises(Killed):
        steered(world, tmp_path, asks)
    folder = tmp_path / "runs" / "run"
    assert requests_of(folder) == []
    world.kill_at, world.judge = None, World().judge
    undisturbed, _ = steered(World(), tmp_path, [], name="undisturbed")
    assert resumed(world, folder).archive_digest == undisturbed.archive_digest


def test_the_best_is_the_best_that_is_not_banned(tmp_path: Path) -> None:
    cheat = "def value(n):\n    return 0.999999\n"
    asks: list[Ask] = [(10, "inject", {"text": cheat})]
    result, _ = steered(World(), tmp_path, asks)
    (injected,) = [c.program.id for c in commits(result.folder).values() if c.program.operator == "inject"]
    assert result.best_id == injected
    asks.append((30, "ban", {"program": injected}))
    result, _ = steered(World(), tmp_path, asks, name="banned")
    found = commits(result.folder)
    allowed = {i: c.evaluation.objective for i, c in found.items() if c.evaluation.objective is not None}
    del allowed[injected]
    assert result.best_objective == max(allowed.values())
    with Reader(result.folder) as reader:
        best = reader.best(maximize=True)
        assert best is not None
        assert best.program.id == result.best_id == reader.events(kind="best")[-1].ticket
        told = [event.ticket for event in reader.events(kind="best")]
    assert injected in told, "it was the best before"


def test_a_fork_takes_over_what_was_asked_until_then(tmp_path: Path) -> None:
    result, _ = steered(World(), tmp_path)
    asked = [event.data for event in requests_of(result.folder)]
    at = asked[5]["commits"]
    with inside(World()):
        forked = asyncio.run(afork(result.folder, at, run_id="forked", display=Watching(World())))
        assert forked.archive_digest != result.archive_digest, "later requests are not of this run"
        kept = [event.data for event in requests_of(forked.folder)]
        assert kept == [data for data in asked if data["commits"] <= at]
        assert asyncio.run(areplay(forked.folder)).same


@pytest.mark.parametrize(
    ("kind", "arguments", "why"),
    [
        ("pin", {"program": 999}, "program 999: this run has programs 1 to"),
        ("pin", {"program": 1}, ""),
        ("pin", {"program": 1}, "pinned already"),
        ("unpin", {"program": 2}, "is not pinned"),
        ("unban", {"program": 2}, "is not banned"),
        ("ban", {"program": 1}, ""),
        ("ban", {"program": 1}, "is banned already"),
        ("pin", {"program": 1}, "`unban` it first"),
        ("inject", {"text": "x" * 200_000}, "200,000 characters; this problem allows 40,000"),
        ("inject", {"text": "x", "island": 2}, "no island 2; this run has islands 0 to 1"),
        ("resume", {}, "not paused"),
        ("workers", {"count": 3}, "cannot be changed"),
    ],
)
def test_what_cannot_be_obeyed_is_refused_with_a_reason(
    tmp_path: Path, kind: str, arguments: dict[str, object], why: str
) -> None:
    before: list[Ask] = [(20, "pin", {"program": 1})] if (kind, why) == ("pin", "pinned already") else []
    if "banned already" in why or "unban" in why:
        before = [(20, "ban", {"program": 1})]
    result, said = steered(World(), tmp_path, [*before, (21, kind, arguments)])
    _, (done, answer) = said[-1]
    assert (done, why in answer) == (not why, True), answer
    data = requests_of(result.folder)[-1].data
    assert (data["status"], data["answer"]) == ("done" if done else "refused", answer)
    assert len(str(data)) < 1000, "the text of what was refused is not kept"
    untouched, _ = steered(World(), tmp_path, before, name="untouched")
    assert (result.archive_digest == untouched.archive_digest) == bool(why)


def test_the_last_program_cannot_be_banned(tmp_path: Path) -> None:
    asks: list[Ask] = [(2, "ban", {"program": 1})]
    _, said = steered(World(), tmp_path, asks)
    ((_, (done, answer)),) = said
    assert not done
    assert "inject another, then ban it" in answer


def test_no_program_is_taken_in_beyond_the_budget(tmp_path: Path) -> None:
    asks: list[Ask] = [(57, "inject", {"text": BETTER})]
    result, said = steered(World(), tmp_path, asks)
    ((_, (done, answer)),) = said
    assert not done
    assert "rest of the budget is in flight" in answer
    assert result.evaluations == 60


def test_models_are_told_nothing_of_a_banned_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, PromptContext]] = []
    world = World(Random(2))

    def recorded(self: object, *args: object, **options: object) -> object:
        side = original(self, *args, **options)  # type: ignore[arg-type]
        assert world.engine is not None
        seen.append((world.engine.state.committed, side.view))
        return side

    from evolve.engine._background import Background

    original = Background.side
    monkeypatch.setattr(Background, "side", recorded)
    asks: list[Ask] = [(12, "ban", {"program": 1}), (13, "ban", {"program": 4}), (14, "ban", {"program": 5})]
    with hands(world, asks) as said:
        result = begin(
            world, tmp_path, models=models_of(reflect_every=5), budget=Budget(max_calls=60), order="ticket"
        )
    assert [answer for _, answer in said if not answer[0]] == []
    last = max(event.data["commits"] for event in requests_of(result.folder))
    views = [view for committed, view in seen if committed > last]
    assert views
    for view in views:
        told = [view.parent, view.other, view.failure, *view.inspirations]
        programs = {found.id for found in told if found is not None}
        programs |= {step.id for step in (*view.ancestors, *view.siblings)}
        programs |= {found.program for found in view.hypotheses}
        programs |= {support for lesson in view.lessons for support in lesson.support}
        assert programs.isdisjoint({1, 4, 5})
    with inside(World(Random(8))):
        replayed = asyncio.run(areplay(result.folder))
    assert replayed.same, replayed.difference


def test_a_replay_takes_no_steering(tmp_path: Path) -> None:
    result, _ = steered(World(), tmp_path, [])
    world = World()
    with (
        hands(world, [(5, "ban", {"program": 1}), (6, "pause", {}), (6, "resume", {})]) as said,
        inside(world),
    ):
        assert asyncio.run(areplay(result.folder)).same
    assert [answer[0] for _, answer in said] == [False, True, True]
    assert "repeats what is on record" in said[0][1][1]
