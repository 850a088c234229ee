from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evolve.tui.data._canvas import Canvas

NUMBERS = st.floats(-1e12, 1e12) | st.floats(-40, 40) | st.just(float("nan")) | st.just(float("inf"))


def plain(canvas: Canvas) -> list[str]:
    return [line.plain for line in canvas.lines()]


def test_a_diagonal() -> None:
    canvas = Canvas(2, 1)
    canvas.line((0, 0), (3, 3))
    assert plain(canvas) == ["⠑⢄"]


def test_a_rectangle_and_its_filling() -> None:
    canvas = Canvas(3, 2)
    canvas.path([(0, 0), (5, 0), (5, 7), (0, 7)], closed=True)
    assert plain(canvas) == ["⡏⠉⢹", "⣇⣀⣸"]
    canvas.fill([(0, 0), (5, 0), (5, 7), (0, 7)])
    assert plain(canvas) == ["⣿⣿⣿", "⣿⣿⣿"]


def test_the_last_style_of_a_character_counts() -> None:
    canvas = Canvas(2, 1)
    canvas.dots(np.array([0, 1, 2]), np.array([0, 0, 0]), "red")
    canvas.dots(np.array([1]), np.array([1]), "blue")
    (line,) = canvas.lines()
    assert [(span.start, span.end, span.style) for span in line.spans] == [(0, 1, "blue"), (1, 2, "red")]


@given(NUMBERS, NUMBERS, NUMBERS, NUMBERS)
def test_no_line_leaves_the_surface_or_takes_long(x0: float, y0: float, x1: float, y1: float) -> None:
    canvas = Canvas(5, 3)
    canvas.line((x0, y0), (x1, y1))
    assert [len(line) for line in plain(canvas)] == [5, 5, 5]


def test_a_line_from_far_outside_crosses_where_it_should() -> None:
    far, near = Canvas(4, 2), Canvas(4, 2)
    far.line((-1e6, 3), (1e6, 3))
    near.line((0, 3), (7, 3))
    assert plain(far) == plain(near)


def test_an_ellipse_is_symmetric() -> None:
    canvas = Canvas(6, 3)
    canvas.ellipse((5.5, 5.5), 5, 5)
    rows = np.array([[mark != " " for mark in line] for line in plain(canvas)])
    assert (rows == rows[:, ::-1]).all()
    assert (rows == rows[::-1]).all()


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=12), st.booleans())
def test_a_path_is_its_lines(points: list[tuple[float, float]], closed: bool) -> None:
    path, lines = Canvas(5, 3), Canvas(5, 3)
    path.path(points, closed=closed)
    ends = [*points, *points[:1]] if closed else points
    for start, end in pairwise(ends):
        lines.line(start, end)
    assert plain(path) == plain(lines)
