from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.pipeline import IDLE, NOT_RUN, OK, SKIPPED, StageResult
from evolve.pipeline._graph import Graph
from evolve.pipeline._schedule import run_graph
from evolve.problem import StageSpec

FAILURES = ("failed", "invalid", "timeout", "gated")


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[StageSpec], dict[str, str], dict[str, int]]:
    """Draw stages with edges to earlier ones, what each ends as when it runs, and how long it takes."""
    count = draw(st.integers(1, 9))
    names = [f"s{number}" for number in range(count)]
    specs, ends, waits = [], {}, {}
    for number, name in enumerate(names):
        earlier = (
            st.lists(st.sampled_from(names[:number]), unique=True, max_size=3) if number else st.just([])
        )
        options: dict[str, Any] = {"needs": draw(earlier), "after": draw(earlier)}
        kind = draw(st.sampled_from(["plain", "plain", "always", "on_failure", "when"]))
        if kind == "always":
            options["always"] = True
        elif kind == "on_failure":
            options["on_failure"] = draw(earlier)
        elif kind == "when":
            options["when"] = draw(st.sampled_from(["m >= 1", "m < 1", "unknown == 0"]))
        specs.append(StageSpec(name=name, kind="it", **options))
        ends[name] = draw(st.sampled_from([OK, OK, OK, *FAILURES]))
        waits[name] = draw(st.integers(0, 3))
    return draw(st.permutations(specs)), ends, waits


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_the_scheduler_keeps_its_promises(
    drawn: tuple[list[StageSpec], dict[str, str], dict[str, int]],
) -> None:
    specs, ends, waits = drawn
    graph = Graph.of(tuple(specs), "here")
    began: Counter[str] = Counter()
    ended: set[str] = set()

    async def execute(name: str, before: Any) -> StageResult:
        began[name] += 1
        spec = graph.specs[name]
        assert {*before} == {*graph.before[name]}
        ran_before = {other for other in graph.before[name] if before[other].status not in NOT_RUN}
        assert ran_before <= ended, "nothing runs before what it waits for has ended"
        assert spec.always or all(before[need].status == OK for need in spec.needs)
        for _ in range(waits[name]):
            await asyncio.sleep(0)
        ended.add(name)
        return StageResult(ends[name], metrics={"m": float(waits[name])})

    results = asyncio.run(run_graph(graph, execute))

    assert [*results] == [*graph.specs]
    assert max(began.values(), default=0) <= 1, "each stage at most once"
    for name, spec in graph.specs.items():
        status = results[name].status
        assert (status in NOT_RUN) == (began[name] == 0)
        # a failure reaches exactly its dependants: over needs only, and not through a stage that always runs
        reached = any(results[need].status not in (OK, IDLE) for need in spec.needs)
        assert (status == SKIPPED) == (reached and not spec.always)
        if spec.always:
            assert status == ends[name], "`always` runs regardless"
        if status in NOT_RUN:
            assert results[name].feedback, "it says what blocked it"
        if status == IDLE:
            assert spec.on_failure or spec.when or any(results[need].status == IDLE for need in spec.needs)


def test_what_a_stage_raises_ends_the_whole() -> None:
    async def execute(name: str, _before: Any) -> StageResult:
        if name == "a":
            raise KeyError("a bug")
        await asyncio.sleep(3600)
        raise AssertionError

    graph = Graph.of((StageSpec(name="a", kind="it"), StageSpec(name="b", kind="it")), "here")
    with pytest.raises(KeyError, match="a bug"):
        asyncio.run(run_graph(graph, execute))


def test_the_reason_names_what_failed_in_the_end() -> None:
    async def execute(name: str, _before: Any) -> StageResult:
        return StageResult("timeout" if name == "a" else OK)

    chain = (
        StageSpec(name="a", kind="it"),
        StageSpec(name="b", kind="it", needs=("a",)),
        StageSpec(name="c", kind="it", needs=("b",)),
        StageSpec(name="mourn", kind="it", on_failure=("c",)),
    )
    results = asyncio.run(run_graph(Graph.of(chain, "here"), execute))
    assert results["c"].feedback == "b did not run: a did not succeed: timeout"
    assert results["mourn"].status == OK
