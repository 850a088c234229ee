from __future__ import annotations

import ast
import re
from collections.abc import Callable

import pytest

from evolve.operators import _expression as expression
from evolve.operators._expression import Variation
from evolve.operators._sites import Site, copy_text, put, sites
from evolve.operators._source import Source, functions
from tests.operators.helpers import context, program_of, proposals


def results(variation: Variation, body: str, head: str = "import numpy as np\n\n\n") -> set[str]:
    """Return the bodies that a variation makes of one."""
    text = f"{head}def pack(n, m):\n    {body}\n"
    found = set()
    for seed in range(60):
        given = context(text, seed=seed, arguments=("n", "m"))
        program = program_of(given)
        edit = variation(program, given, sites(program.entry))
        if edit is not None:
            found.add(program.source.apply([edit]).removeprefix(f"{head}def pack(n, m):\n    ").rstrip())
    return found


CASES: list[tuple[Callable[..., object], str, set[str]]] = [
    (expression.swap_operator, "return n  +  m  # sum", {"return n  -  m  # sum", "return n  *  m  # sum"}),
    (expression.swap_operator, "return (n) // (m)", {"return (n) / (m)", "return (n) % (m)"}),
    (expression.swap_comparison, "return n < m", {"return n <= m", "return n > m"}),
    (expression.swap_comparison, "return n and m", {"return n or m"}),
    (expression.swap_operands, "return (n + 1) - m", {"return (m) - (n + 1)"}),
    (expression.swap_operands, "return n - m * 2", {"return m * 2 - n"}),
    (expression.swap_operands, "return f(n, m - 1)", {"return f(m - 1, n)", "return f(n, 1 - m)"}),
    (expression.swap_operands, "return n / (m + 1)", {"return (m + 1) / (n)"}),
    (expression.swap_function, "return min(n, m)", {"return max(n, m)"}),
    (expression.swap_function, "return np.sin(n)", {"return np.cos(n)", "return np.tan(n)"}),
    (expression.swap_function, "return sin(n)", set()),
    (expression.rename, "return np.sin(n)", {"return np.sin(m)"}),
    (expression.rename, "return [i for i in n]", {"return [i for i in m]"}),
    (expression.negate, "return 1 if n < m else 2", {"return 1 if not n < m else 2"}),
    (expression.negate, "return 1 if not (n < m) else 2", {"return 1 if n < m else 2"}),
    (expression.negate, "return n * m", {"return -n * m", "return n * -m"}),
    (
        expression.simplify_to_operand,
        "return (n + 1) * m",
        {"return n + 1", "return m", "return (n) * m", "return (1) * m"},
    ),
]


@pytest.mark.parametrize(("variation", "body", "expected"), CASES)
def test_variations(variation: Variation, body: str, expected: set[str]) -> None:
    assert results(variation, body) == expected


def test_a_copy_replaces_an_expression_of_its_kind() -> None:
    found = results(expression.transplant, "return f(n < 2, [m])")
    assert "return f(n < 2, [n])" in found
    assert "return f(m < 2, [m])" in found
    assert not any("[[" in text or "(n < 2) <" in text for text in found)


def test_a_value_is_scaled_or_shifted() -> None:
    found = results(expression.scale, "x = n - m\n    return x")
    shapes = {re.sub(r"\d[\d.e-]*", "C", text.partition("\n")[0]) for text in found}
    scaled = {"x = C * (n - m)", "x = C * n - m", "x = n - C * m"}
    shifted = {"x = n - m + C", "x = n - m - C", "x = n + C - m", "x = n - C - m", "x = n - (m + C)"}
    assert scaled < shapes <= scaled | shifted | {"x = n - (m - C)"}


def test_what_is_scaled_already_is_left_to_jitter() -> None:
    found = results(expression.scale, "x = 0.97 * n\n    return x")
    assert found
    assert all(text.startswith("x = 0.97 * (") or "0.97 * n" not in text for text in found)


def test_a_tuple_is_not_scaled() -> None:
    assert results(expression.scale, "a, b = f\n    return a") == set()


def test_the_change_names_line_and_both_texts() -> None:
    found = proposals("expression", "def pack(n):\n    return n + 1  # äö\n")
    assert found["pack: line 2: n + 1 -> n - 1"] == "def pack(n):\n    return n - 1  # äö\n"


def test_the_text_of_several_lines_is_put_on_one() -> None:
    source = Source("x = f(\n    a,  # first\n    b,\n)\n")
    statement = source.tree.body[0]
    assert isinstance(statement, ast.Assign)
    assert copy_text(source, statement.value)[0] == "f(a, b)"


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        ("x = a * b", "a", "(p + q) * b"),
        ("x = a + b", "a", "p + q + b"),
        ("x = a - b", "b", "a - (p + q)"),
        ("x = a ** b", "a", "(p + q) ** b"),
        ("x = -a", "a", "-(p + q)"),
        ("x = (a)", "a", "(p + q)"),
        ("x = f(a)", "a", "f(p + q)"),
        ("x = a.b", "a", "(p + q).b"),
        ("x = a < b", "a", "p + q < b"),
        ("x = a[b]", "b", "a[p + q]"),
        ("x = a if b else c", "b", "a if p + q else c"),
    ],
)
def test_parentheses_are_put_where_they_are_needed(text: str, old: str, new: str) -> None:
    source = Source(f"def f():\n    {text}\n")
    places = sites(next(functions(source.tree)))
    site = next(site for site in places if source.segment(site.node) == old)
    assert source.apply([put(source, site, "p + q", 10)]) == f"def f():\n    x = {new}\n"


def test_sites_are_values_in_the_order_of_the_text() -> None:
    source = Source(
        "def f(a):\n    x: int = g(a, k=b)[c:d]\n    for i in e:\n        y = f'{a}' + (lambda z: z)(1)\n"
    )
    found: list[Site] = sites(next(functions(source.tree)))
    texts = [source.segment(site.node) for site in found]
    assert texts[:6] == ["g(a, k=b)[c:d]", "g(a, k=b)", "g", "a", "b", "c"]
    assert "i" not in texts
    assert "z" not in texts
