from __future__ import annotations

import ast
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.source import (
    accepts,
    check_compiles,
    code_hash,
    find_function,
    may_return,
    normalise,
    parse,
    tree_hash,
)

PROGRAM = '''"""A program."""
import math


def area(r, scale=1.0):
    """Area of a disc."""
    # the usual formula
    return scale * math.pi * r**2
'''

SAME = """
import math
def area(r, scale = 1.0):
    return (scale * math.pi) * (r ** 2)   # same
"""


@pytest.mark.parametrize(
    "text",
    ["x = (", "x = 1\0", "x = '\ud800'", "(" * 5000 + ")" * 5000, "-" * 100_000 + "1", "x" + ".a" * 50_000],
    ids=["syntax", "null byte", "surrogate", "parentheses", "signs", "attributes"],
)
def test_parse_fails_in_one_way_only(text: str) -> None:
    with pytest.raises(SyntaxError):
        parse(text)


@pytest.mark.parametrize("text", ["1(2)\n", "x = 1\nx is 1\n", "'\\d'\n", "[1][2, 3]\n", "assert (1, 'a')\n"])
def test_dubious_code_gives_no_warning(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_compiles(parse(text))


@pytest.mark.parametrize(
    "text", ["break", "return 1", "def f():\n    nonlocal x", "x = " + "(" * 90 + ")" * 90]
)
def test_what_only_the_compiler_notices_is_a_syntax_error(text: str) -> None:
    tree = ast.parse(text)
    if text.startswith("x"):
        check_compiles(tree)
    else:
        with pytest.raises(SyntaxError):
            check_compiles(tree)


def test_code_hash_sees_neither_comments_nor_layout_nor_docstrings() -> None:
    assert code_hash(PROGRAM) == code_hash(SAME)
    assert len(code_hash(PROGRAM)) == 16


def test_code_hash_is_that_of_every_supported_python() -> None:
    text = "import a.b as c\ndef f(x, *, y=1e3, **k):\n"
    text += "    return [i for i in x if i < y] or f'{x!r:>{y}}', -2j, b'z'\n"
    assert code_hash(PROGRAM).hex() == "caeacfb78693eed647ea0aeb00b8dc3a"
    assert code_hash(text).hex() == "74f3cf8c50bde1f12207f9c998e39e43"


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "x = 1.0"),
        ("x = 1", "x = True"),
        ("x = 'a'", "x = b'a'"),
        ("x = y", "x = 'y'"),
        ("f(a, b)", "f(b, a)"),
        ("f(a, b)", "f(a)(b)"),
        ("a + b * c", "(a + b) * c"),
        ("a < b < c", "a < (b < c)"),
        ("[a], b", "[a, b],"),
        ("if x:\n    a\n    b", "if x:\n    a\nb"),
        ("if x:\n    a\nelse:\n    b", "if x:\n    a\n    b"),
        ("def f(a, b=1): pass", "def f(a=1, b=1): pass"),
        ("def f(a, *, b): pass", "def f(a, b): pass"),
        ("{**a, 'b': 1}", "{a: 1, **b}"),
        ("import a", "import a as b"),
        ("from . import a", "from .. import a"),
        ("x = 0xfff" + "f" * 5000, "x = 0xffe" + "f" * 5000),
    ],
)
def test_code_hash_tells_programs_apart(one: str, two: str) -> None:
    assert code_hash(one) != code_hash(two)


def test_a_docstring_alone_is_an_empty_body() -> None:
    assert code_hash("def f():\n    'doc'\n") == code_hash("def f():\n    pass\n")
    assert normalise("def f():\n    'doc'\n") == "def f():\n    pass\n"


def test_a_long_sum_is_hashed_without_recursion() -> None:
    text = "x = " + " + ".join(["a"] * 900)
    assert code_hash(text) != code_hash(text + " + a")


def test_normalise() -> None:
    assert normalise(PROGRAM) == (
        "import math\n\ndef area(r, scale=1.0):\n    return scale * math.pi * r ** 2\n"
    )


names = st.sampled_from("abcd")
expressions = st.recursive(
    st.one_of(names, st.integers(0, 99).map(str), st.sampled_from(["1.5", "'t'", "None"])),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.tuples(names, st.lists(inner, max_size=2)).map(lambda t: f"{t[0]}({', '.join(t[1])})"),
    ),
    max_leaves=8,
)


@settings(deadline=None, derandomize=True)
@given(expressions, expressions)
def test_hashes_are_equal_just_when_the_trees_are(one: str, two: str) -> None:
    a, b = parse(one), parse(two)
    # A string alone is a docstring and says nothing.
    equal = normalise(one) == normalise(two)
    assert (tree_hash(a) == tree_hash(b)) == equal


@settings(deadline=None, derandomize=True)
@given(expressions)
def test_the_hash_is_that_of_the_normalised_text(text: str) -> None:
    assert code_hash(normalise(text)) == code_hash(text)


def function(text: str) -> ast.FunctionDef:
    found = find_function(parse(text), "f")
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("signature", "accepted"),
    [
        ("a, b", True),
        ("b, a", True),
        ("a, b, c=1", True),
        ("a, *, b", True),
        ("a, *, b, c", False),
        ("**k", True),
        ("a, b, c", False),
        ("a", False),
        ("a, /, b", False),
        ("c=1, /, *, a, b", True),
        ("a, *b", False),
    ],
)
def test_accepts(signature: str, accepted: bool) -> None:
    assert accepts(function(f"def f({signature}): pass"), ["a", "b"]) is accepted


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return 1", True),
        ("return", False),
        ("pass", False),
        ("raise E\n    return 1", False),
        ("def g():\n        return 1", False),
        ("for i in x:\n        if i:\n            return i", True),
        ("try:\n        pass\n    except E:\n        return 1", True),
        ("match x:\n        case 1:\n            return 1", True),
    ],
)
def test_may_return(body: str, expected: bool) -> None:
    assert may_return(function(f"def f(x):\n    {body}\n")) is expected


def test_find_function_returns_the_one_that_counts() -> None:
    assert function("def f(): pass\ndef f(a): pass\n").args.args[0].arg == "a"
    assert find_function(parse("class f: pass"), "f") is None
