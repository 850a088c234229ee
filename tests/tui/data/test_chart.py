from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.text import Text

from evolve.tui.data._chart import Reference, Series, chart, frame_of, gap_to, thinned


def plain(lines: list[Text]) -> str:
    return "\n".join(line.plain.rstrip() for line in lines)


def curve(ys: list[float], name: str = "best") -> Series:
    return Series(name, np.arange(1, len(ys) + 1, dtype=float), np.array(ys, dtype=float))


GOLDEN = """\
  4.1│⠒ record  ⠒ ⠒ ⠒ ⠒ ⠒ ⠒ ⠒ ⠒ ⠒ ⠒ ⠒ ⠒
     │
     │                           ⡖⠒⠒⠒⠒⠒⠒
  2.5│                           ⡇
     │             ⢠⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠇
     │             ⢸
 0.88│⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠤⠼
     └──────────────────────────────────
      1          evaluations           6
"""


def test_a_curve_with_a_reference() -> None:
    lines = chart([curve([1, 1, 2, 2, 3, 3])], [Reference(4.0, "record")], 40, 9, x_name="evaluations")
    assert plain(lines) + "\n" == GOLDEN


def test_a_focus_decides_the_height_and_cuts_off_what_came_before() -> None:
    series = [curve([0.0, 100.0, 101.0, 102.0])]
    whole, close = frame_of(series, ()), frame_of(series, (), focus=2.0)
    assert whole is not None
    assert close is not None
    assert (whole.left, whole.right) == (close.left, close.right) == (1.0, 4.0)
    assert whole.low == 0.0
    assert 99 < close.low <= 100.0 < 102.0 <= close.high < 103


def test_the_name_of_a_level_covers_no_curve_while_there_is_room() -> None:
    ys = [4.0, 4.0, 4.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0]
    lines = chart([Series("best", np.arange(10.0), np.array(ys), "cyan")], [Reference(4.0, "record")], 60, 9)
    (line,) = (line for line in lines if "record" in line.plain)
    name = line.plain.index("record")
    cyan = [span for span in line.spans if span.style == "cyan"]
    assert cyan
    assert all(span.end < name for span in cyan)


def test_rows_fit_the_size() -> None:
    for width, height in ((40, 9), (80, 20), (24, 5)):
        lines = chart([curve([0.5, 0.25])], [], width, height, x_name="programs")
        assert len(lines) == height
        assert max(len(line.plain) for line in lines) <= width


def test_nothing_to_show_is_said() -> None:
    lines = chart([curve([math.nan, math.nan])], [], 40, 6, empty="no valid program yet")
    assert lines[0].plain == "no valid program yet"
    assert len(lines) == 6
    assert chart([curve([1.0])], [], 10, 3)[0].plain.startswith("too small")


def test_a_single_point_and_a_flat_curve_are_drawn() -> None:
    for ys in ([2.0], [2.0, 2.0], [0.0]):
        text = plain(chart([curve(ys)], [], 40, 8))
        assert any(0x2800 < ord(mark) < 0x2900 for mark in text)


def test_several_curves_are_told_apart_without_colours() -> None:
    text = plain(chart([curve([1, 2], "one"), curve([2, 1], "two")], [], 40, 9))
    assert "● one" in text
    assert "▲ two" in text
    assert text.count("●") == 2
    assert text.count("▲") == 2


def test_a_far_reference_does_not_flatten_the_curve() -> None:
    frame = frame_of([curve([1.0, 1.1])], [Reference(1.15, "near"), Reference(1e6, "far")])
    assert frame is not None
    assert 1.15 <= frame.high < 1.3


def test_levels_that_differ_late_are_told_apart() -> None:
    text = plain(chart([curve([2.63598308, 2.63598309])], [], 60, 8))
    numbers = [line.split("│")[0].strip() for line in text.split("\n") if "│" in line]
    known = [number for number in numbers if number]
    assert len(set(known)) == len(known) >= 2


def test_what_lies_left_is_left_out() -> None:
    frame = frame_of([curve([0.0, 5.0, 5.5, 6.0])], [], since=3.0)
    assert frame is not None
    assert frame.left == 3.0
    assert frame.low > 5.0


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400), st.integers(1, 20))
def test_thinning_keeps_the_ends_and_the_extremes(values: list[float], columns: int) -> None:
    xs, ys = np.arange(len(values), dtype=float), np.array(values)
    kept_x, kept_y = thinned(xs, ys, columns)
    assert len(kept_x) <= max(len(values) if len(values) <= 4 * columns else 0, 4 * columns)
    assert (kept_x[0], kept_x[-1]) == (xs[0], xs[-1])
    assert (kept_y.min(), kept_y.max()) == (ys.min(), ys.max())
    assert (np.diff(kept_x) > 0).all()


def test_the_gap_is_a_logarithm_and_reached_levels_are_gaps() -> None:
    gap = gap_to(np.array([1.0, 1.9, 2.0]), 2.0)
    assert gap[0] == pytest.approx(0.0)
    assert gap[1] == pytest.approx(-1.0)
    assert math.isnan(gap[2])
