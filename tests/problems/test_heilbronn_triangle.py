from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.problem import Invalid, Problem, Score, load_problem, needed_metrics

FOLDER = load_problem("heilbronn_triangle").folder


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"heilbronn_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


SCORER = load(FOLDER / "score.py")
SEED = load(FOLDER / "seeds" / "curve.py")
BLOCKS = sorted(path.stem for path in (FOLDER / "blocks").glob("*.py"))


def score(output: Any, n: int = 11) -> Score:
    result = SCORER.score(output, {"n": n}, {})
    assert isinstance(result, Score)
    return result


def block(name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(load(FOLDER / "blocks" / f"{name}.py"), name)
    return function


@pytest.fixture(scope="module")
def problem() -> Problem:
    return load_problem("heilbronn_triangle")


def test_declaration_loads_with_every_block_and_the_records(problem: Problem) -> None:
    assert sorted(b.name for b in problem.blocks) == BLOCKS
    assert [record.value for record in problem.records] == [0.036, 0.036529889880030156]
    assert load_problem("heilbronn_triangle", {"n": 8}).records == ()


def test_seed_is_valid_and_naive(problem: Problem) -> None:
    result = score(SEED.place(11))
    assert 0.001 < result.metrics["min_area"] < 0.01
    assert result.metrics["repair"] == 0.0
    assert needed_metrics(problem.spec) <= set(result.metrics)
    assert all(type(v) is float and math.isfinite(v) for v in result.metrics.values())


@pytest.mark.parametrize("n", [3, 4, 7, 30])
def test_seed_is_valid_for_any_size(n: int) -> None:
    assert score(SEED.place(n), n).metrics["min_area"] > 0


def test_corners_are_allowed_and_have_the_whole_area() -> None:
    result = score([[0, 0], [1, 0], (0, 1)], 3)
    assert result.metrics["min_area"] == 1.0
    assert result.metrics["repair"] == 0.0
    assert result.metrics["edge_share"] == 1.0


def test_points_in_line_score_exactly_zero_and_are_named() -> None:
    result = score([[0.1, 0.1], [0.2, 0.2], [0.3, 0.3], [0.1, 0.5]], 4)
    # The decimals 0.1, 0.2 and 0.3 lie on the diagonal exactly, as both coordinates round alike.
    assert result.metrics["min_area"] == 0.0
    assert "0-1-2" in result.feedback
    assert "in line" in result.feedback


def test_an_area_far_below_rounding_is_still_exact() -> None:
    points = [[0.0, 0.0], [0.5, 0.5], [0.25, 0.25 + 2.0**-54]]
    assert score(points, 3).metrics["min_area"] == 2.0**-55
    assert score([[0.0, 0.0], [1.0, 0.0], [0.5, 1e-161]], 3).metrics["min_area"] == 1e-161
    assert score([[0.0, 0.0], [1.0, 0.0], [0.5, 5e-324]], 3).metrics["min_area"] == 5e-324


@pytest.mark.parametrize(("excess", "repair"), [(1e-17, 1e-16), (3e-15, 1e-14), (9.9e-13, 1e-12)])
def test_points_just_outside_are_pulled_in_and_that_is_recorded(excess: float, repair: float) -> None:
    points = np.array([[-excess, 0.3], [0.9, 0.05], [0.2, 0.6]])
    result = score(points, 3)
    assert result.metrics["repair"] == repair
    assert f"pulled inwards by {repair:g}" in result.feedback
    assert (result.artifact["points"] >= 0).all()
    assert points[0, 0] == -excess


def test_the_sloping_side_is_decided_exactly() -> None:
    beyond = [0.9, 0.1]  # the nearest floats of these decimals sum to 1 + 2.8e-17
    on_side = [0.9, 0.1 - 2.0**-54]
    assert sum(map(Fraction, on_side)) <= 1 < sum(map(Fraction, beyond))
    assert on_side[0] + on_side[1] == beyond[0] + beyond[1] == 1.0
    assert score([on_side, [0, 0], [1, 0]], 3).metrics["repair"] == 0.0
    assert score([beyond, [0, 0], [0.5, 0]], 3).metrics["repair"] > 0.0


@pytest.mark.parametrize("excess", [2e-12, 1e-9, 0.25])
def test_points_further_outside_are_invalid_worst_first(excess: float) -> None:
    with pytest.raises(Invalid) as caught:
        score([[-excess / 2, 0.3], [0.5, -excess], [0.2, 0.6]], 3)
    assert str(caught.value).startswith(
        f"point 1 leaves the triangle at the bottom side by {excess:.2g}; point 0"
    )


SQUARE = np.full((3, 2), 0.25)
BAD_OUTPUTS: list[tuple[Any, str]] = [
    (None, "got None"),
    (3.5, "type float"),
    ("abc", "type str"),
    ({"points": SQUARE}, "type dict"),
    (SQUARE.T, r"shape \(3, 2\), got \(2, 3\)"),
    (np.zeros((0, 2)), r"got \(0, 2\)"),
    (np.array(0.5), r"got \(\)"),
    ([[0.1, 0.2], [0.3]], "points must have 3 entries, got 2"),
    ([[0.1, 0.2], [0.3], [0.1, 0.1]], r"points\[1\] must have 2 entries, got 1"),
    ([[0.1, 0.2], 0.3, [0.1, 0.1]], r"points\[1\] must be an array"),
    ([[0.1, 0.2], [[0.3], 0.1], [0.1, 0.1]], "real numbers, got a value of type list"),
    (SQUARE.astype(complex), "complex128"),
    (SQUARE > 0, "array of bool"),
    ([[0.1, 0.2], [True, 0.1], [0.1, 0.1]], "type bool"),
    ([[0.1, 0.2], [1j, 0.1], [0.1, 0.1]], "type complex"),
    ([[0.1, 0.2], [0.1, math.nan], [0.1, 0.1]], r"points\[1, 1\] must be finite, got nan"),
    ([[0.1, 0.2], [-math.inf, 0.1], [0.1, 0.1]], r"points\[1, 0\] must be finite, got -inf"),
    ([[0.1, 0.2], [10**400, 0.1], [0.1, 0.1]], "integer of 1329 bits"),
    ([[1e308, 1e308], [0.1, 0.1], [0.1, 0.1]], "point 0 leaves the triangle at the sloping side by inf"),
]


@pytest.mark.parametrize(("output", "message"), BAD_OUTPUTS, ids=[message for _, message in BAD_OUTPUTS])
def test_bad_outputs_are_refused_with_a_reason(output: Any, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        score(output, 3)


numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(
        [0.0, -0.0, 1.0, 0.5, 1e-161, 5e-324, 1e308, -1e308, 10**400, 2**53, 1, True, 1j, None, "x"]
    ),
    st.floats(0, 0.5),
)
arrays = st.builds(
    lambda shape, dtype, fill: np.full(shape, fill).astype(dtype),
    st.sampled_from([(), (0,), (3,), (3, 2), (2, 3), (3, 2, 1), (0, 2)]),
    st.sampled_from(
        [np.float64, np.float32, np.float16, np.longdouble, np.int8, np.uint64, np.bool_, np.complex128]
    ),
    st.sampled_from([0, 1, 0.5]),
)
rows = st.lists(numbers, min_size=2, max_size=2)
plain = st.recursive(
    st.one_of(numbers, arrays, st.binary(max_size=3), st.text(max_size=3)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.text(max_size=2), inner, max_size=2),
    ),
    max_leaves=12,
)


@given(st.one_of(plain, arrays, st.lists(rows, min_size=3, max_size=3)))
@settings(max_examples=300, deadline=None)
def test_any_plain_data_gives_a_score_or_invalid(output: Any) -> None:
    try:
        metrics = score(output, 3).metrics
    except Invalid:
        return
    assert all(math.isfinite(v) for v in metrics.values())


def slow_minimum(points: list[list[float]]) -> float:
    """Smallest relative area in fractions, over all triples."""
    exact = [(Fraction(x), Fraction(y)) for x, y in points]
    return float(
        min(
            abs((b[0] - a[0]) * (c[1] - a[1]) - (c[0] - a[0]) * (b[1] - a[1]))
            for a, b, c in combinations(exact, 3)
        )
    )


@given(st.integers(0, 2**32 - 1), st.integers(-8, 8))
@settings(max_examples=100, deadline=None)
def test_agrees_with_fractions_next_to_lines_and_sides(seed: int, ulps: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.dirichlet([1.0, 1.0, 1.0], 6)[:, :2]
    points[2] = (points[0] + points[1]) / 2 + ulps * 2.0**-55  # almost in line
    points[3] = [points[3, 0], (1 - points[3, 0]) + ulps * 2.0**-54]  # almost on the sloping side
    outside = any(
        Fraction(x) < 0 or Fraction(y) < 0 or Fraction(x) + Fraction(y) > 1 for x, y in points.tolist()
    )
    result = score(points, 6)
    assert (result.metrics["repair"] > 0) == outside
    assert result.metrics["min_area"] == slow_minimum(result.artifact["points"].tolist())


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("n", [3, 6, 11])
def test_every_block_keeps_the_seed_valid(problem: Problem, name: str, n: int) -> None:
    call = next(b.call for b in problem.blocks if b.name == name)
    results = []
    for _ in range(2):
        scope: dict[str, Any] = {name: block(name), "n": n, "points": SEED.place(n)}
        exec(call, scope)
        results.append(scope["points"])
    after = score(results[0], n).metrics["min_area"]
    assert np.array_equal(results[0], results[1])
    if name in {"slsqp_polish", "basin_hop", "relocate_worst", "pull_inside"}:
        assert after >= score(SEED.place(n), n).metrics["min_area"] * (1 - 1e-12)


STRANGE = {
    "coincident": np.full((5, 2), 0.25),
    "outside": np.array([[-3.0, 0.5], [9.0, 9.0], [0.5, 0.5], [0.0, 0.0], [1.0, 1.0]]),
    "huge": np.random.default_rng(0).random((5, 2)) * 1e12,
    "in line": np.column_stack([np.linspace(0, 1, 5), np.zeros(5)]),
    "two": np.array([[0.1, 0.1], [0.2, 0.3]]),
}


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("case", STRANGE)
def test_blocks_survive_strange_layouts(problem: Problem, name: str, case: str) -> None:
    points = STRANGE[case].copy()
    scope: dict[str, Any] = {name: block(name), "n": len(points), "points": points}
    exec(next(b.call for b in problem.blocks if b.name == name), scope)
    assert np.isfinite(scope["points"]).all()


def test_a_composition_of_blocks_improves_the_seed_tenfold() -> None:
    points = block("slsqp_polish")(block("relocate_worst")(SEED.place(11)))
    result = score(block("basin_hop")(points, seed=1))
    assert result.metrics["min_area"] > 0.028


def test_draw_makes_a_picture(tmp_path: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    load(FOLDER / "draw.py").draw(axes, score(SEED.place(11)).artifact, {"n": 11})
    figure.savefig(tmp_path / "picture.png")
    pyplot.close(figure)
    assert (tmp_path / "picture.png").stat().st_size > 5_000
    assert "smallest triangle 0.0029" in axes.get_title()
