from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evolve.models._limits import RateLimit


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@given(
    rpm=st.none() | st.integers(1, 5),
    tpm=st.none() | st.integers(10, 100),
    calls=st.lists(st.tuples(st.floats(0, 30), st.integers(0, 60), st.integers(0, 60)), max_size=40),
)
def test_no_minute_holds_more_than_the_limit(
    rpm: int | None, tpm: int | None, calls: list[tuple[float, int, int]]
) -> None:
    clock = Clock()
    limit = RateLimit(rpm, tpm, clock=clock)
    sent: list[tuple[float, int]] = []
    for pause, planned, used in calls:
        clock.now += pause
        for _ in range(5):  # rounding may leave a last fraction of a second
            clock.now += limit.wait_s(planned)
        limit.correct(limit.take(planned), used)
        window = [tokens for at, tokens in sent if at + 60 > clock.now]
        assert rpm is None or len(window) + 1 <= rpm
        assert tpm is None or not window or sum(window) + planned <= tpm
        sent.append((clock.now, used))


def test_the_wait_is_as_long_as_needed_and_no_longer() -> None:
    clock = Clock()
    limit = RateLimit(2, None, clock=clock)
    limit.take(1)
    clock.now = 10
    limit.take(1)
    assert limit.wait_s(1) == 50
    clock.now = 60
    assert limit.wait_s(1) == 0


def test_a_call_above_the_whole_limit_goes_alone() -> None:
    clock = Clock()
    limit = RateLimit(None, 100, clock=clock)
    assert limit.wait_s(1000) == 0
    limit.take(1000)
    assert limit.wait_s(1) == 60
