"""Seats: never more than there are, first come first served, and nobody has to get up."""

from __future__ import annotations

import asyncio
import random

import pytest

from evolve.engine._run_clock import RunClock
from evolve.engine._seats import Seats


@pytest.mark.parametrize("seed", range(5))
def test_never_more_than_there_are_and_in_turn(seed: int) -> None:
    chance = random.Random(seed)
    seats, order, most = Seats(2), [], []

    async def sit(number: int) -> None:
        async with seats.seat():
            order.append(number)
            most.append(seats.taken)
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)

    async def main() -> None:
        tasks = [asyncio.create_task(sit(number)) for number in range(30)]
        for _ in range(10):
            await asyncio.sleep(0)
        seats.resize(5)
        for _ in range(3):
            await asyncio.sleep(0)
        seats.resize(1)
        tasks[20].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(main())
    assert order == sorted(order)
    assert max(most) <= 5
    assert (seats.taken, seats.waiting) == (0, 0)


def test_a_smaller_number_lets_those_finish_who_sit() -> None:
    async def main() -> None:
        seats, go = Seats(3), asyncio.Event()

        async def sit() -> None:
            async with seats.seat():
                await go.wait()

        tasks = [asyncio.create_task(sit()) for _ in range(4)]
        await asyncio.sleep(0)
        seats.resize(1)
        assert (seats.taken, seats.waiting) == (3, 1)
        go.set()
        await asyncio.gather(*tasks)
        assert seats.taken == 0

    asyncio.run(main())


def test_whoever_is_cancelled_leaves_no_seat_taken() -> None:
    async def main() -> None:
        seats, go = Seats(1), asyncio.Event()

        async def sit() -> None:
            async with seats.seat():
                await go.wait()

        tasks = [asyncio.create_task(sit()) for _ in range(3)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        await asyncio.sleep(0)  # the second is seated, and does not know yet
        tasks[1].cancel()
        go.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert isinstance(found[1], asyncio.CancelledError)
        assert found[2] is None
        assert (seats.taken, seats.waiting) == (0, 0)

    asyncio.run(main())


def test_run_time_stands_still_and_goes_on() -> None:
    now = [100.0]
    clock = RunClock(lambda: now[0])
    clock.begin(10.0)
    now[0] += 5
    assert (clock.session_s(), clock.elapsed_s()) == (5.0, 15.0)
    clock.stand()
    now[0] += 50
    clock.stand()
    assert clock.stands
    assert clock.elapsed_s() == 15.0
    clock.go()
    clock.go()
    now[0] += 1
    assert (clock.session_s(), clock.elapsed_s()) == (6.0, 16.0)
    clock.stand()
    clock.begin(16.0)
    assert not clock.stands
    assert clock.elapsed_s() == 16.0
