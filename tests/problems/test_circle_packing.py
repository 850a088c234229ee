from __future__ import annotations

import importlib.util
import math
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.problem import Invalid, Problem, Score, load_problem, needed_metrics

FOLDER = load_problem("circle_packing").folder
PARAMS = {"n": 26}


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"circle_packing_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


SCORER = load(FOLDER / "score.py")
SEED = load(FOLDER / "seeds" / "rings.py")
BLOCKS = sorted(path.stem for path in (FOLDER / "blocks").glob("*.py"))


def score(output: Any, n: int = 26) -> Score:
    result = SCORER.score(output, {"n": n}, {})
    assert isinstance(result, Score)
    return result


def block(name: str) -> Callable[..., Any]:
    function: Callable[..., Any] = getattr(load(FOLDER / "blocks" / f"{name}.py"), name)
    return function


@pytest.fixture(scope="module")
def problem() -> Problem:
    return load_problem("circle_packing")


def test_declaration_loads_with_every_block_and_a_record_for_each_size(problem: Problem) -> None:
    assert sorted(b.name for b in problem.blocks) == BLOCKS
    assert max(record.value for record in problem.records) == 2.6359830849176076
    assert max(r.value for r in load_problem("circle_packing", {"n": 32}).records) == 2.9395727712063233


def test_seed_is_valid_and_naive(problem: Problem) -> None:
    result = score(SEED.pack(26))
    assert result.metrics["sum_radii"] == pytest.approx(0.96, abs=0.005)
    assert result.metrics["repair"] == 0.0
    assert needed_metrics(problem.spec) <= set(result.metrics)
    assert all(type(v) is float and math.isfinite(v) for v in result.metrics.values())


@pytest.mark.parametrize("n", [1, 2, 3, 9, 10, 27, 100, 200])
def test_seed_is_valid_for_any_size(n: int) -> None:
    assert score(SEED.pack(n), n).metrics["sum_radii"] > 0


def test_touching_is_allowed() -> None:
    grid = np.array([[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75]])
    result = score((grid, np.full(4, 0.25)), 4)
    assert result.metrics["sum_radii"] == 1.0
    assert result.metrics["repair"] == 0.0
    assert result.metrics["contacts"] == 12.0


def test_overlap_of_one_ulp_is_repaired_and_recorded() -> None:
    grid = np.array([[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75]])
    result = score((grid, np.full(4, np.nextafter(0.25, 1.0))), 4)
    assert result.metrics["repair"] == 1e-16
    assert result.metrics["sum_radii"] <= 1.0
    assert "reduced by 1e-16" in result.feedback
    assert (result.artifact["radii"] <= 0.25).all()


@pytest.mark.parametrize(("excess", "repair"), [(3e-15, 1e-14), (6e-13, 1e-12), (9.9e-13, 1e-12)])
def test_repair_is_the_smallest_power_of_ten(excess: float, repair: float) -> None:
    assert score(([[0.5, 0.5]], [0.5 + excess]), 1).metrics["repair"] == repair


@pytest.mark.parametrize("excess", [1.1e-12, 5e-12, 1e-9])
def test_larger_violations_are_invalid(excess: float) -> None:
    with pytest.raises(Invalid, match="circle 0 leaves the square at the"):
        score(([[0.5, 0.5]], [0.5 + excess]), 1)


def test_violations_are_named_worst_first_and_counted() -> None:
    centers = [[0.2, 0.5], [0.4, 0.5], [0.9, 0.5], [0.95, 0.5]]
    with pytest.raises(Invalid) as caught:
        score((centers, [0.11, 0.1, 0.11, 0.1]), 4)
    text = str(caught.value)
    assert text.startswith("circles 2 and 3 overlap by 0.16; circle 3 leaves the square at the right by 0.05")
    assert text.endswith("; 1 further violation")


HALF = np.full((2, 2), 0.5)
BAD_OUTPUTS: list[tuple[Any, str]] = [
    (None, "must return .centers, radii., got None"),
    (3, "type int"),
    ("ab", "type str"),
    (b"ab", "type bytes"),
    ({"centers": HALF, "radii": [0.1, 0.1]}, "type dict"),
    ((HALF,), "got 1 values"),
    ((HALF, [0.1, 0.1], 2.6), "got 3 values"),
    ((HALF, [0.1]), "radii must have 2 entries, got 1"),
    ((HALF[:1], [0.1, 0.1]), r"centers must have shape \(2, 2\), got \(1, 2\)"),
    ((np.zeros((0, 2)), []), "got .0, 2."),
    ((np.array(0.5), [0.1, 0.1]), r"got \(\)"),
    (([[0.5, 0.5], [0.5]], [0.1, 0.1]), r"centers\[1\] must have 2 entries"),
    (([[0.5, 0.5], 0.5], [0.1, 0.1]), r"centers\[1\] must be an array"),
    (([[[0.5], 0.5], [0.5, 0.5]], [0.1, 0.1]), "real numbers, got a value of type list"),
    ((HALF.astype(complex), [0.1, 0.1]), "complex128"),
    ((HALF > 0, [0.1, 0.1]), "array of bool"),
    ((HALF.astype("S"), [0.1, 0.1]), "real numbers"),
    ((HALF, [True, 0.1]), "type bool"),
    ((HALF, [0.1, 0.1j]), "type complex"),
    ((HALF, [0.1, math.nan]), r"radii\[1\] must be finite, got nan"),
    (([[0.5, math.inf], [0.2, 0.2]], [0.1, 0.1]), r"centers\[0, 1\] must be finite, got inf"),
    ((HALF, [0.1, 10**400]), "integer of 1329 bits"),
    ((HALF, [0.1, 10**20]), "circle 1 leaves the square at the"),
    ((HALF, [0.1, -0.1]), "radii must be positive: radius 1 is -0.1"),
    ((HALF, [-0.0, 0.0]), "radii must be positive: radius 0 is -0 .2 of 2 are"),
    (([[0.2, 0.5], [0.2, 0.5]], [0.1, 1e-161]), "circles 0 and 1 overlap by 0.1"),
    (([[1e308, -1e308], [-1e308, 0.5]], [1e308, 1e308]), "by inf"),
]


@pytest.mark.parametrize(("output", "message"), BAD_OUTPUTS, ids=[message for _, message in BAD_OUTPUTS])
def test_bad_outputs_are_refused_with_a_reason(output: Any, message: str) -> None:
    with pytest.raises(Invalid, match=message):
        score(output, 2)


@pytest.mark.parametrize("tiny", [1e-161, 5e-324])
def test_tiny_circles_are_decided_exactly(tiny: float) -> None:
    assert score(([[0.25, 0.5], [0.75, 0.5]], [0.25, tiny]), 2).metrics["sum_radii"] == 0.25
    # A tiny circle on the rim of a large one overlaps it, by less than any repair can see in floats.
    with pytest.raises(Invalid):
        score(([[0.25, 0.5], [0.5, 0.5]], [0.25, tiny]), 2)


def test_lists_and_arrays_of_any_real_type_are_accepted() -> None:
    centers = [(0.25, 0.25), (0.75, 0.75)]
    for wrap in (
        list,
        tuple,
        np.array,
        lambda x: np.array(x, np.float32),
        lambda x: [np.array(row) for row in x],
    ):
        assert score((wrap(centers), [0.25, 0.125]), 2).metrics["sum_radii"] == 0.375
    with pytest.raises(Invalid, match="circle 0 leaves"):
        score((np.array([[0, 1]], np.int8), np.array([1], np.uint64)), 1)


numbers = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.sampled_from(
        [0.0, -0.0, 1.0, 0.5, 1e-161, 5e-324, 1e308, -1e308, 10**400, 2**53, 1, True, 1j, None, "x"]
    ),
    st.floats(0, 1),
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
shaped = st.tuples(
    st.one_of(st.lists(rows, min_size=3, max_size=3), arrays),
    st.one_of(st.lists(numbers, min_size=3, max_size=3), arrays),
)


@given(st.one_of(plain, shaped))
@settings(max_examples=300, deadline=None)
def test_any_plain_data_gives_a_score_or_invalid(output: Any) -> None:
    try:
        metrics = score(output, 3).metrics
    except Invalid:
        return
    assert all(math.isfinite(v) for v in metrics.values())


def slow_is_valid(centers: list[list[float]], radii: list[float]) -> bool:
    """Decide the rules in fractions, with no screening and no shared code."""
    points = [(Fraction(x), Fraction(y), Fraction(r)) for (x, y), r in zip(centers, radii, strict=True)]
    inside = all(r > 0 and x - r >= 0 and y - r >= 0 and x + r <= 1 and y + r <= 1 for x, y, r in points)
    return inside and all(
        (x - u) ** 2 + (y - v) ** 2 >= (r + s) ** 2
        for k, (x, y, r) in enumerate(points)
        for u, v, s in points[:k]
    )


@given(st.integers(0, 2**32 - 1), st.integers(-30, 30))
@settings(max_examples=150, deadline=None)
def test_agrees_with_fractions_next_to_contact(seed: int, ulps: int) -> None:
    rng = np.random.default_rng(seed)
    first, radius = rng.uniform(0.3, 0.7, 2), rng.uniform(0.05, 0.2)
    angle, second_radius = rng.uniform(0, 2 * np.pi), rng.uniform(0.01, 0.05)
    second = first + (radius + second_radius) * np.array([np.cos(angle), np.sin(angle)])
    third_radius = rng.uniform(0.01, 0.05)
    third = np.array([1 - third_radius, third_radius])  # in a corner of the square
    centers = np.array([first, second, third])
    radii = np.array([radius, second_radius + ulps * 2.0**-57, third_radius + rng.integers(-2, 3) * 2.0**-57])
    expected = next(
        (e for e in SCORER.REPAIRS if slow_is_valid(centers.tolist(), (radii - e).tolist())), None
    )
    try:
        result = score((centers, radii), 3)
    except Invalid:
        assert expected is None
    else:
        assert result.metrics["repair"] == expected
        assert result.metrics["sum_radii"] == float(sum(Fraction(r) for r in (radii - expected).tolist()))


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("n", [1, 7, 26])
def test_every_block_keeps_the_seed_valid(problem: Problem, name: str, n: int) -> None:
    call = next(b.call for b in problem.blocks if b.name == name)
    scope: dict[str, Any] = {name: block(name), "n": n}
    scope["centers"], scope["radii"] = SEED.pack(n)
    before = score(SEED.pack(n), n).metrics["sum_radii"]
    exec(call, scope)
    once = scope["centers"], scope["radii"]
    after = score(once, n).metrics["sum_radii"]
    if "polish" in name or name in {"lp_radii", "basin_hop", "relocate_smallest"}:
        assert after >= before - 1e-12
    scope["centers"], scope["radii"] = SEED.pack(n)
    exec(call, scope)
    assert np.array_equal(once[0], scope["centers"])
    assert np.array_equal(once[1], scope["radii"])


STRANGE = {
    "coincident": (np.full((5, 2), 0.5), np.full(5, 0.1)),
    "outside": (np.array([[-3.0, 0.5], [9.0, 9.0], [0.5, 0.5], [0.0, 0.0], [1.0, 1.0]]), np.full(5, 0.3)),
    "no radii": (np.random.default_rng(0).random((5, 2)), np.zeros(5)),
    "negative": (np.random.default_rng(0).random((5, 2)), -np.ones(5)),
    "huge": (np.random.default_rng(0).random((5, 2)) * 1e12, np.full(5, 1e12)),
    "one": (np.array([[0.1, 0.9]]), np.array([0.01])),
}


@pytest.mark.parametrize("name", BLOCKS)
@pytest.mark.parametrize("case", STRANGE)
def test_blocks_survive_strange_layouts(problem: Problem, name: str, case: str) -> None:
    centers, radii = STRANGE[case]
    scope: dict[str, Any] = {
        name: block(name),
        "n": len(radii),
        "centers": centers.copy(),
        "radii": radii.copy(),
    }
    exec(next(b.call for b in problem.blocks if b.name == name), scope)
    assert np.isfinite(scope["centers"]).all()
    assert np.isfinite(scope["radii"]).all()


def test_a_composition_of_blocks_passes_2_6() -> None:
    layout = block("lp_polish")(*block("hexagonal_start")(26))
    result = score(block("basin_hop")(*layout, hops=8, seed=1))
    assert result.metrics["sum_radii"] > 2.61
    assert result.metrics["repair"] == 0.0


def test_draw_makes_a_picture(tmp_path: Path) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    load(FOLDER / "draw.py").draw(axes, score(SEED.pack(26)).artifact, PARAMS)
    figure.savefig(tmp_path / "picture.png")
    pyplot.close(figure)
    assert (tmp_path / "picture.png").stat().st_size > 5_000
    assert "sum of radii = 0.96" in axes.get_title()
