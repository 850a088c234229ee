"""Lanes keep stages apart that must not meet, and nobody waits for ever, whoever gives up meanwhile."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.pipeline._lanes import CPU, EXCLUSIVE, MODEL, Lanes

MODELS = 2


async def bustle(chance: random.Random) -> tuple[Lanes, list[Counter[str]], int]:
    """Let stages come, go and be cancelled; return what met, and how many ended by themselves."""
    lanes, inside, seen = Lanes(model=MODELS), Counter[str](), []

    async def stage(kind: str, delay: int, steps: int) -> None:
        for _ in range(delay):
            await asyncio.sleep(0)
        async with lanes.enter(kind):
            inside[kind] += 1
            try:
                for _ in range(steps):
                    seen.append(+inside)
                    await asyncio.sleep(0)
            finally:
                inside[kind] -= 1

    kinds = [CPU, CPU, EXCLUSIVE, MODEL]
    tasks = [
        asyncio.create_task(stage(chance.choice(kinds), chance.randrange(20), chance.randrange(5)))
        for _ in range(40)
    ]
    for _ in range(30):
        await asyncio.sleep(0)
        if chance.random() < 0.4:
            chance.choice(tasks).cancel()
    async with asyncio.timeout(30):
        ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(end is None or isinstance(end, asyncio.CancelledError) for end in ends)
    return lanes, seen, ends.count(None)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_exclusive_stages_are_alone_and_nobody_waits_for_ever(seed: int) -> None:
    lanes, seen, ended = asyncio.run(bustle(random.Random(seed)))
    assert ended > 10
    assert any(together[CPU] > 1 for together in seen)
    for together in seen:
        assert together[EXCLUSIVE] <= 1
        assert not (together[EXCLUSIVE] and together[CPU])
        assert together[MODEL] <= MODELS
    assert lanes._inside == 0


def test_who_gives_up_leaves_the_place_to_the_next() -> None:
    async def scene() -> list[str]:
        lanes, order = Lanes(), []

        async def stage(name: str, kind: str, until: asyncio.Event | None = None) -> None:
            async with lanes.enter(kind):
                order.append(name)
                if until is not None:
                    await until.wait()

        leave = asyncio.Event()
        first = asyncio.create_task(stage("first", EXCLUSIVE, leave))
        await asyncio.sleep(0)
        second = asyncio.create_task(stage("second", CPU))
        third = asyncio.create_task(stage("third", CPU))
        await asyncio.sleep(0)
        leave.set()  # the first is about to leave,
        second.cancel()  # and the second gives up in the same pass of the loop
        async with asyncio.timeout(30):
            await asyncio.gather(first, second, third, return_exceptions=True)
        return order

    assert asyncio.run(scene()) == ["first", "third"]
