from __future__ import annotations

import pytest

from evolve.tui.data._format import bar, compact, counted, duration, score, seconds, share, signed, usd


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (float("nan"), "–"), (2.5, "2.5"), (2.6359830849176076, "2.635983085"), (0.0, "0")],
)
def test_score(value: float | None, text: str) -> None:
    assert score(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.0, "±0"), (1.5, "+1.5"), (-2e-9, "-2e-09"), (None, "–")])
def test_signed(value: float | None, text: str) -> None:
    assert signed(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0 s"),
        (59.4, "59 s"),
        (61, "1:01"),
        (3_723, "1:02:03"),
        (float("inf"), "–"),
        (-3, "0 s"),
    ],
)
def test_duration(value: float | None, text: str) -> None:
    assert duration(value) == text


@pytest.mark.parametrize(("value", "text"), [(2e-5, "20 µs"), (0.0123, "12.3 ms"), (4.56, "4.56 s")])
def test_seconds(value: float, text: str) -> None:
    assert seconds(value) == text


def test_small_things() -> None:
    assert share(1, 4) == "25 %"
    assert share(1, 0) == "–"
    assert usd(0.0025) == "$0.0025"
    assert usd(250) == "$250.00"
    assert [compact(n) for n in (950, 12_345, 4_500_000, 2e9)] == ["950", "12.3k", "4.5M", "2.0G"]
    assert counted(1, "program") == "1 program"
    assert counted(1_200, "program") == "1,200 programs"


@pytest.mark.parametrize(
    ("part", "text"), [(0, "····"), (0.5, "██··"), (1, "████"), (7, "████"), (0.53, "██▏·")]
)
def test_a_bar_is_as_long_as_its_share(part: float, text: str) -> None:
    assert bar(part, 4) == text
