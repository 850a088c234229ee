"""Corners of runs with models: what is over stays over, what was paid is kept, what was shown stays."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from evolve.engine import Budget, RunResult, afork, areplay, aresume
from evolve.engine._novelty import Recent
from evolve.errors import ModelError, ProblemError, UsageError
from evolve.models import Failure, RawVectors
from evolve.store import Reader
from tests.engine.helpers import TWO_ISLANDS, write_problem
from tests.engine.simulated import World, begin, inside, models_of, paid_twice

LIMITS: list[dict[str, Any]] = [
    {"max_evals": 25},
    {"max_calls": 20},
    {"max_tokens": 30_000},
    {"max_usd": 0.03},
    {"stagnation": 6},
    {"target": 0.5},
    {"max_seconds": 0.3, "max_evals": 10**6},
]


def commits_of(folder: Path) -> int:
    with Reader(folder) as reader:
        return reader.committed()


def resume(world: World, folder: Path, **options: Any) -> RunResult:
    with inside(world):
        return asyncio.run(aresume(folder, **options))


def fork(world: World, folder: Path, at: int, **options: Any) -> RunResult:
    with inside(world):
        return asyncio.run(afork(folder, at, **options))


def difference(world: World, folder: Path) -> str:
    asked = world.asked
    with inside(world):
        replayed = asyncio.run(areplay(folder))
    assert world.asked == asked
    assert replayed.same == (not replayed.difference)
    return replayed.difference


@pytest.mark.parametrize("order", ["ticket", "arrival"])
@pytest.mark.parametrize("limit", LIMITS, ids=lambda limit: next(iter(limit)))
def test_a_run_at_its_end_asks_and_commits_nothing_when_resumed(
    tmp_path: Path, limit: dict[str, Any], order: str
) -> None:
    world = World()
    result = begin(world, tmp_path, budget=Budget.model_validate(limit), order=order)
    assert result.reason == next(iter(limit))
    asked, evaluated, commits = world.asked, world.evaluated, commits_of(result.folder)
    again = resume(world, result.folder)
    assert (again.reason, again.calls) == (result.reason, result.calls)
    assert (world.asked, world.evaluated, commits_of(result.folder)) == (asked, evaluated, commits)


@pytest.mark.parametrize("order", ["ticket", "arrival"])
def test_a_raised_budget_of_calls_goes_on(tmp_path: Path, order: str) -> None:
    world = World(failures=0.3)
    result = begin(world, tmp_path, budget=Budget(max_calls=20), order=order)
    more = resume(world, result.folder, budget=Budget(max_calls=45))
    assert (more.reason, more.calls, world.asked) == ("max_calls", 45, 45)
    assert paid_twice(result.folder) == []
    assert difference(world, result.folder) == ""


def test_a_replay_takes_its_time(tmp_path: Path) -> None:
    world = World()
    result = begin(world, tmp_path, budget=Budget(max_seconds=0.3), order="arrival")
    assert result.reason == "max_seconds"

    async def slow(_most: int = 8) -> None:
        await asyncio.sleep(0.02)

    world.pause = slow  # type: ignore[method-assign, assignment]
    assert difference(world, result.folder) == ""


def test_a_replay_shows_prompts_the_recorded_feedback(tmp_path: Path) -> None:
    world = World(failures=0.3)
    result = begin(
        world, tmp_path, models=models_of(reflect_every=0), operators={"repair": 1.0, "rewrite": 1.0}
    )
    with Reader(result.folder) as reader:
        asked = [reader.payload(request.request) for request, _ in reader.calls()]
    assert any(", number " in text for text in asked), "feedback is part of prompts"
    assert difference(world, result.folder) == ""


def test_a_replay_that_parts_says_where(tmp_path: Path) -> None:
    world = World()
    result = begin(world, tmp_path)
    world.spoil = True
    with inside(world), pytest.raises(ModelError, match=r"program \d+: status was 'valid' on record"):
        asyncio.run(areplay(result.folder))


def test_a_ticket_that_is_late_judges_novelty_by_what_it_saw(tmp_path: Path) -> None:
    """In arrival order any number of commits may come between the question of a ticket and its answer."""
    world = World()

    async def wait_for_others() -> None:
        while world.engine is not None and world.engine.state.committed < 340:  # noqa: ASYNC110
            await asyncio.sleep(0)

    world.on_call = lambda number: wait_for_others() if number == 1 else None
    settings = models_of(reflect_every=0, similarity=0.55, concurrency=8)
    operators = {"rewrite": 1.0, "jitter": 4.0}
    budget = Budget(max_evals=360)
    result = begin(
        world, tmp_path, models=settings, operators=operators, budget=budget, order="arrival", window=4
    )
    with Reader(result.folder) as reader:
        late = [c for c in reader.commits() if c.program.calls and c.program.seq - c.program.saw > 300]
    assert late
    assert difference(world, result.folder) == ""


def test_what_a_ticket_saw_does_not_change_with_later_commits() -> None:
    recent = Recent()
    for number in range(5):
        recent.commit(number, f"def f(x):\n    return x * {number} + {number} ** 2\n", None)
    seen = recent.seen()
    text = "def f(x):\n    return x * 3 + 3 ** 2\n"
    before = seen.nearest(text, parents=())
    assert before == (3, 1.0)
    for number in range(5, 600):
        recent.commit(number, f"def g(x):\n    return x - {number}\n", None)
    assert seen.nearest(text, parents=()) == before
    assert seen.nearest(text, parents=(3,)) != before


@pytest.mark.parametrize(
    "settings", [{}, {"embedding": "toy/e", "similarity": 0.9}], ids=["plain", "embedding"]
)
def test_a_fork_and_its_fork_are_repeated(tmp_path: Path, settings: dict[str, Any]) -> None:
    world = World(failures=0.3)
    run = begin(world, tmp_path, islands=TWO_ISLANDS, models=models_of(**settings), order="arrival").folder
    for seed in (5, 6):
        with Reader(run) as reader:
            middle = list(reader.commits())[reader.committed() // 2].program.id
        more = Budget(max_calls=20 + 20 * seed)
        forked = fork(world, run, middle, changes={"seed": seed, "window": seed}, budget=more)
        assert difference(world, forked.folder) == ""
        assert difference(world, forked.folder.with_name(f"{forked.folder.name}-replay")) == ""
        run = forked.folder


def test_a_fork_into_ticket_order_goes_on_after_commits_that_came_out_of_order(tmp_path: Path) -> None:
    world = World(chance=random.Random(3))
    run = begin(world, tmp_path, order="arrival", window=12).folder
    with Reader(run) as reader:
        ids = [commit.program.id for commit in reader.commits()]
    at = next(seq for seq in range(5, len(ids)) if set(ids[:seq]) != set(range(1, seq + 1)))
    forked = fork(world, run, ids[at - 1], changes={"order": "ticket"}, budget=Budget(max_calls=60))
    assert forked.reason == "max_calls"
    with Reader(forked.folder) as reader:
        after = [commit.program.id for commit in reader.commits()]
    assert after[at:] == sorted(set(range(1, max(after) + 1)) - set(ids[:at]))
    assert difference(world, forked.folder) == ""


def test_a_run_without_models_is_forked_into_one_with_them_and_back(tmp_path: Path) -> None:
    world = World()
    plain = begin(world, tmp_path, models=None, budget=Budget(max_evals=15), islands=TWO_ISLANDS).folder
    assert difference(world, plain) == ""
    changes = {"models": models_of(), "order": "arrival", "window": 8}
    asking = fork(world, plain, 10, changes=changes, budget=Budget(max_evals=60, max_calls=20))
    assert asking.calls == 20
    assert difference(world, asking.folder) == ""
    with Reader(asking.folder) as reader:
        last = reader.last_id()
    again = fork(world, asking.folder, last, changes={"models": None}, budget=Budget(max_evals=80))
    assert (again.reason, again.evaluations, world.asked) == ("max_evals", 80, 20)
    assert difference(world, again.folder) == ""


def test_what_makes_programs_incomparable_cannot_be_forked(tmp_path: Path) -> None:
    world = World()
    run = begin(world, tmp_path, models=None, budget=Budget(max_evals=15)).folder
    with pytest.raises(UsageError, match="params: cannot be changed by a fork"):
        fork(world, run, 10, changes={"params": {"n": 4}})


def test_other_templates_of_a_fork_replace_all_of_the_first_ones(tmp_path: Path) -> None:
    world = World()
    for name, template in (("one", "reflect"), ("two", "rewrite")):
        (tmp_path / name).mkdir()
        text = (Path("evolve/prompts/templates") / f"{template}.j2").read_text()
        (tmp_path / name / f"{template}.j2").write_text(text)
    run = begin(world, tmp_path, prompts=tmp_path / "one", budget=Budget(max_calls=10)).folder
    changes = {"prompts": str(tmp_path / "two")}
    forked = fork(world, run, 1, changes=changes, budget=Budget(max_calls=20)).folder
    assert [path.name for path in (forked / "prompts").iterdir()] == ["rewrite.j2"]


def test_vectors_that_cannot_be_had_cost_no_program(tmp_path: Path) -> None:
    world = World()

    async def refuse(texts: object, spec: object) -> RawVectors:  # noqa: ARG001
        raise Failure("refused", "toy/e: refused")

    world.embed = refuse  # type: ignore[method-assign]
    settings = models_of(embedding="toy/e", reflect_every=0)
    result = begin(world, tmp_path, models=settings, operators={"rewrite": 1.0}, budget=Budget(max_calls=20))
    with Reader(result.folder) as reader:
        assert any(
            commit.program.model and commit.evaluation.status == "valid" for commit in reader.commits()
        )
    assert difference(world, result.folder) == ""


def test_vectors_of_programs_that_are_not_kept_are_forgotten(tmp_path: Path) -> None:
    world = World()
    settings = models_of(embedding="toy/e")
    begin(world, tmp_path, models=settings, budget=Budget(max_calls=60), order="ticket", workers=1)
    assert world.engine is not None
    background: Any = world.engine._background
    assert len(background._embedded) == 0


def test_a_stop_that_comes_before_the_first_ticket(tmp_path: Path) -> None:
    world = World()
    result = begin(world, tmp_path, budget=Budget(max_calls=10))

    class Hasty:
        def started(self, source: Any) -> None:
            source.abort("interrupted")

        def message(self, text: str) -> None: ...

        def stopped(self) -> None: ...

    more = Budget(max_calls=20)
    stopped = resume(world, result.folder, budget=more, display=Hasty())
    assert (stopped.reason, world.asked) == ("interrupted", 10)
    assert resume(world, result.folder).calls == 20


def test_a_scorer_that_answers_whole_numbers_gives_equal_prompts_after_a_resume(tmp_path: Path) -> None:
    world = World()
    world.judge = lambda value: {"value": int(value * 10), "size": int(value) % 2}
    result = begin(world, tmp_path, budget=Budget(max_calls=12))
    resume(world, result.folder, budget=Budget(max_calls=24))
    assert difference(world, result.folder) == ""


def test_two_equal_seeds_are_refused(tmp_path: Path) -> None:
    world = World()
    problem = write_problem(tmp_path / "sums")
    declared = (problem / "problem.toml").read_text()
    (problem / "problem.toml").write_text(declared.replace('["seed.py"]', '["seed.py", "again.py"]'))
    (problem / "again.py").write_text((problem / "seed.py").read_text() + "# the same\n")
    for order in ("ticket", "arrival"):
        for chance in range(3):
            world.chance = random.Random(chance)
            with pytest.raises(ProblemError, match="a duplicate of another seed"):
                begin(world, tmp_path, problem=problem, order=order)


def test_reflections_alone_do_not_go_on_for_ever(tmp_path: Path) -> None:
    result = begin(World(), tmp_path, models=models_of(reflect_every=1), budget=Budget(max_evals=10))
    assert result.reason == "exhausted"


def test_of_equals_the_one_that_was_committed_first_is_the_best(tmp_path: Path) -> None:
    of_the_seed = 2.25
    for chance in range(5):
        world = World(random.Random(chance))
        world.judge = lambda value: {"value": 0.5 if value == of_the_seed else 0.7, "size": value % 1.0}
        result = begin(world, tmp_path, f"run{chance}", order="arrival", window=12)
        with Reader(result.folder) as reader:
            best = reader.best(maximize=True)
        assert best is not None
        assert best.program.id == result.best_id


@pytest.mark.parametrize("order", ["ticket", "arrival"])
def test_replies_from_near_a_limit_are_used_when_it_is_raised(tmp_path: Path, order: str) -> None:
    """Near a limit of evaluations fewer tickets are prepared, each at a later commit than without it.

    Whether a reply is left over there is a matter of timing; with several runs one mostly is.
    """
    for chance in range(4):
        world = World(random.Random(chance), failures=0.5)

        def stop_near_the_limit(_number: int, world: World = world) -> None:
            assert world.engine is not None
            if world.engine.state.evaluations >= 21:
                world.engine.request_stop("interrupted")

        world.on_call = stop_near_the_limit
        settings: dict[str, Any] = {
            "models": models_of(reflect_every=0),
            "operators": {"rewrite": 1.0},
            "order": order,
        }
        result = begin(world, tmp_path, f"run{chance}", budget=Budget(max_evals=26), window=12, **settings)
        world.on_call = lambda _number: None
        resume(world, result.folder, budget=Budget(max_evals=40))
        assert paid_twice(result.folder) == []
        assert difference(world, result.folder) == ""
