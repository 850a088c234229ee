from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from evolve.problem import Circle, Dots, Polygon, Shape, shapes_as_data, shapes_of_data
from evolve.problem import Path as Line
from evolve.tui.data._picture import picture

PROBLEMS = Path(__file__).parents[3] / "problems"
SQUARE = Polygon(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))


def drawing(problem: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("drawing", PROBLEMS / problem / "draw.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def plain(shapes: list[Shape], width: int, height: int) -> list[str]:
    return [line.plain for line in picture(shapes, width, height)]


def test_a_square_with_a_circle() -> None:
    assert plain([SQUARE, Circle((0.5, 0.5), 0.5)], 8, 4) == [
        "⣏⠝⠋⠉⠉⠙⠫⣹",
        "⡏      ⢹",
        "⣇      ⣸",
        "⣏⣢⣄⣀⣀⣠⣔⣹",
    ]


def test_one_scale_for_both_directions_and_y_upwards() -> None:
    rows = plain([Line(((0.0, 0.0), (1.0, 2.0)))], 40, 10)
    drawn = [(y, x) for y, row in enumerate(rows) for x, mark in enumerate(row) if mark != " "]
    top, bottom = drawn[0], drawn[-1]
    assert top[1] > bottom[1], "it leads up to the right"
    width = 2 * (max(x for _, x in drawn) - min(x for _, x in drawn) + 1)
    assert 4 * (bottom[0] - top[0] + 1) / width == pytest.approx(2.0, abs=0.3)


def test_what_stands_out_is_bold_and_drawn_last() -> None:
    dots = Dots(((0.5, 0.5),), strong=True)
    lines = picture([dots, SQUARE], 9, 5)
    styles = {str(span.style) for line in lines for span in line.spans}
    assert "bold yellow" in styles


def test_nothing_and_a_single_point_are_drawn() -> None:
    assert plain([], 10, 5) == ["nothing to draw"]
    assert plain([Polygon(())], 10, 5) == ["nothing to draw"]
    assert any(mark != " " for row in plain([Dots(((3.0, 4.0),))], 10, 5) for mark in row)


def test_the_packing_as_its_problem_draws_it() -> None:
    artifact = {"centers": np.array([[0.25, 0.25], [0.7, 0.7]]), "radii": np.array([0.25, 0.3])}
    shapes = drawing("circle_packing").shapes(artifact, {"n": 2})
    assert shapes == [SQUARE, Circle((0.25, 0.25), 0.25, strong=True), Circle((0.7, 0.7), 0.3)]


def test_the_triangle_as_its_problem_draws_it() -> None:
    points = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.25, 0.25]])
    border, *smallest, dots = drawing("heilbronn_triangle").shapes({"points": points}, {"n": 4})
    assert isinstance(border, Polygon)
    assert isinstance(dots, Dots)
    assert len(dots.points) == 4
    assert [shape.filled and shape.strong for shape in smallest] == [True, True]


def test_shapes_survive_the_way_between_processes() -> None:
    shapes: list[Shape] = [
        SQUARE,
        Circle((0.1, 1 / 3), 1e-300, strong=True),
        Line(((0.0, 1.0), (2.0, 3.0))),
        Dots(((5.0, 6.0),)),
    ]
    assert shapes_of_data(shapes_as_data(shapes)) == shapes


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        ([(0, 0)], "shape 0 must be a Circle"),
        ([SQUARE, Circle((0.0, float("nan")), 1.0)], r"shape 1 \(circle\) must be made of finite numbers"),
        ([Circle((0.0, 0.0), -1.0)], "radius at least 0"),
        ([Polygon(((0.0,),))], r"shape 0 \(polygon\) must be made of pairs"),  # type: ignore[arg-type]
        (42, "must be a list"),
        ([SQUARE] * 20_001, "at most 20,000"),
    ],
)
def test_what_is_no_shape_is_refused(shapes: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shapes_as_data(shapes)
