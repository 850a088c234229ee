from __future__ import annotations

import ast

import pytest

from evolve.operators._flow import Flow, loose_names, top_names
from evolve.operators._names import names_in
from evolve.operators._source import functions
from evolve.source import parse


def flow_of(body: str, signature: str = "n") -> tuple[Flow, ast.FunctionDef]:
    lines = "".join(f"    {line}\n" for line in body.split("\n"))
    function = next(functions(parse(f"def f({signature}):\n{lines}")))
    return Flow.of(function), function


@pytest.mark.parametrize(
    ("text", "reads", "writes"),
    [
        ("a = b + c.d", "bc", "a"),
        ("a[b] = c", "abc", ""),
        ("a += b", "ab", "a"),
        ("a: t = b", "bt", "a"),
        ("[a for a in b if c]", "bc", ""),
        ("a = lambda b, c=d: b + e", "de", "a"),
        ("def a(b, c=d):\n    e = b\n    return e + g", "dg", "a"),
        ("class a(b):\n    c = d", "bd", "a"),
        ("import a.b, c as d", "", "ad"),
        ("for a in b:\n    c = a", "ab", "ac"),
        ("with a as b: pass", "a", "b"),
        ("try:\n    a\nexcept b as c:\n    d", "abd", "c"),
        ("(a := b)", "b", "a"),
    ],
)
def test_names_in(text: str, reads: str, writes: str) -> None:
    assert names_in(parse(text).body) == (set(reads), set(writes))


@pytest.mark.parametrize(
    ("body", "bound"),
    [
        ("a = 1\nend", "an"),
        ("if n:\n    a = 1\nend", "n"),
        ("if n:\n    a = 1\nelse:\n    a = b = 2\nend", "an"),
        ("if n:\n    a = 1\nelse:\n    return 2\nend", "an"),
        ("for a in n:\n    b = 1\nend", "n"),
        ("with n as a:\n    b = 1\nend", "abn"),
        ("try:\n    a = b = 1\nexcept E:\n    a = 2\nend", "an"),
        ("try:\n    a = 1\nfinally:\n    b = 2\nend", "abn"),
        ("while n:\n    a = 1\nend", "n"),
        ("for i in range(2):\n    a = 1\nend", "ain"),
        ("for i in range(2):\n    a = 1\n    break\nend", "n"),
        ("for i in range(0):\n    a = 1\nend", "n"),
        ("match n:\n    case 1:\n        a = 1\nend", "n"),
        ("def a(): pass\nend", "an"),
        ("if (a := n): pass\nend", "an"),
    ],
)
def test_bound(body: str, bound: str) -> None:
    flow, function = flow_of(body)
    assert flow.bound[function.body[-1]] == set(bound)


@pytest.mark.parametrize(
    ("body", "live"),
    [
        ("start\nreturn a", "a"),
        ("start\na = 1\nreturn a", ""),
        ("start\na = a + 1\nreturn a", "a"),
        ("start\na = b\nc = a\nreturn n", "n"),
        ("start\na[b] = c\nreturn n", "abcn"),
        ("start\nif n:\n    a = 1\nreturn a", "an"),
        ("start\nif n:\n    a = 1\nelse:\n    a = b\nreturn a", "bn"),
        ("start\nfor i in n:\n    b = a\n    a = 1\nreturn b", "abn"),
        ("start\nfor a in n:\n    b = a\nreturn 1", "n"),
        ("start\nwhile a:\n    a = b", "ab"),
        ("start\ntry:\n    a = 1\nexcept E:\n    pass\nreturn a", "a"),
        ("start\na[0] = 1\nreturn 2", "a"),
        ("start\nwith n as a:\n    return a", "n"),
        ("start\nraise E(a)", "Ea"),
        ("start\nwhile n:\n    if a:\n        break\n    b = 1\nreturn b", "abn"),
    ],
)
def test_live(body: str, live: str) -> None:
    flow, function = flow_of(body)
    assert flow.live_after[function.body[0]] - {"E"} == set(live) - {"E"}


def test_what_an_inner_function_reads_stays_live() -> None:
    flow, function = flow_of("def g():\n    return a\na = 1\nb = 2\nreturn g()")
    assert "a" in flow.live_after[function.body[1]]
    assert "b" not in flow.live_after[function.body[2]]


@pytest.mark.parametrize(
    ("text", "loose"),
    [
        ("def f(n):\n    return n + len(K)\nK = 1\n", set()),
        ("def f(n):\n    return m\n", {"m"}),
        ("def f(n):\n    a = b\n    b = 1\n", {"b"}),
        ("def f(n):\n    def g():\n        return b\n    b = 1\n    return g()\n", set()),
        ("def f(n):\n    if n:\n        a = 1\n    return a\n", {"a"}),
        ("A = B\nB = 1\n", {"B"}),
        ("from x import *\ndef f(n):\n    return m\n", set()),
        ("class C:\n    def f(self):\n        return m\n", {"m"}),
        ("def f(n: T) -> int:\n    return n\n", set()),
    ],
)
def test_loose_names(text: str, loose: set[str]) -> None:
    tree = parse(text)
    assert loose_names(tree, functions(tree)) == loose


def test_top_names() -> None:
    tree = parse("import a.b\nfrom c import d as e\nf, g = 1, 2\ndef h():\n    i = 1\nif f:\n    j = 1\n")
    assert top_names(tree) == set("aefghj")
