from __future__ import annotations

import ast

import pytest

from evolve.operators._source import Edit, Source, blocks_of, functions, rigid

TEXT = '''import math

# Two lines
# about f.
@staticmethod
def f(x):
    """Say ä."""
    s = "ä"; t = 1
    if x:  # äöü
        y = (x +
             1)  # why
    elif t:
        y = 2
    return s, y

A = 1


B = 2
'''


@pytest.fixture
def source() -> Source:
    return Source(TEXT)


@pytest.fixture
def f(source: Source) -> ast.FunctionDef:
    return next(functions(source.tree))


def test_segments_count_bytes(source: Source, f: ast.FunctionDef) -> None:
    assert [source.segment(s) for s in f.body[1:3]] == ['s = "ä"', "t = 1"]
    assert source.apply([source.replace(f.body[2], "t = 'ß'")]) == TEXT.replace("t = 1", "t = 'ß'")


def test_every_node_has_the_text_that_ast_reports(source: Source) -> None:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.expr | ast.stmt):
            assert source.segment(node) == ast.get_source_segment(source.text, node)


def test_owns_lines(source: Source, f: ast.FunctionDef) -> None:
    assert [source.owns_lines(s) for s in f.body] == [True, False, False, True, True]


def test_blocks_leave_out_docstrings_shared_lines_and_elif(source: Source, f: ast.FunctionDef) -> None:
    found = [[s.lineno for s in block] for block in blocks_of(source, f)]
    assert found == [[9, 14], [10], [13]]


def test_insert_before_and_after(source: Source, f: ast.FunctionDef) -> None:
    edits = [source.insert_before(f.body[3], "u = 0\nv = 0"), source.insert_after(f.body[3], "w = 0")]
    expected = TEXT.replace("    if x:", "    u = 0\n    v = 0\n    if x:")
    assert source.apply(edits) == expected.replace("    return", "    w = 0\n    return")


def test_insert_above_the_comment_and_decorator(source: Source, f: ast.FunctionDef) -> None:
    edit = source.insert_before(f, "B = 0", comments=True)
    assert source.apply([edit]) == TEXT.replace("# Two", "B = 0\n# Two")
    assert source.lines(f, f, comments=True).startswith("# Two lines")
    assert source.lines(f, f).startswith("@staticmethod")


def test_insert_at_the_end_of_a_text_without_line_end() -> None:
    source = Source("a = 1")
    assert source.apply([source.insert_after(source.tree.body[0], "b = 2")]) == "a = 1\nb = 2\n"


def test_line_ends_are_brought_to_one_kind() -> None:
    assert Source("a = 1\r\nb = '''\r'''\r").text == "a = 1\nb = '''\n'''\n"


def test_remove_leaves_pass_in_an_empty_body() -> None:
    source = Source("def f():\n    for i in x:\n        a = 1\n        b = 2  # two\n    return 1\n")
    f = next(functions(source.tree))
    loop = f.body[0]
    assert isinstance(loop, ast.For)
    one = source.apply(source.remove(loop.body[:1], f))
    assert one == "def f():\n    for i in x:\n        b = 2  # two\n    return 1\n"
    both = source.apply(source.remove(loop.body, f))
    assert both == "def f():\n    for i in x:\n        pass  # two\n    return 1\n"


def test_delete_definition_keeps_the_longer_run_of_blank_lines(source: Source, f: ast.FunctionDef) -> None:
    assert source.apply([source.delete_definition(f)]) == "import math\n\nA = 1\n\n\nB = 2\n"
    a, b = source.tree.body[-2:]
    assert source.apply([source.delete_definition(a)]) == TEXT.replace("\nA = 1\n", "")
    assert source.apply([source.delete_definition(b)]) == TEXT.replace("\n\nB = 2\n", "")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("f()", "f(k=1)"),
        ("f(a)", "f(a, k=1)"),
        ("f((a), )", "f((a),  k=1)"),
        ("f(\n  a,\n)", "f(\n  a,\n k=1)"),
    ],
)
def test_add_argument(call: str, expected: str) -> None:
    source = Source(call)
    statement = source.tree.body[0]
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Call)
    assert source.apply([source.add_argument(statement.value, "k=1")]) == expected + "\n"


def test_of_overlapping_edits_the_outer_one_is_made() -> None:
    source = Source("abcdef = 1")
    assert source.apply([Edit(1, 2, "X"), Edit(0, 3, "Y"), Edit(0, 0, "Z")]) == "ZYdef = 1\n"


def test_enclosed() -> None:
    source = Source("x = (a + b) * ( c )")
    product = source.tree.body[0]
    assert isinstance(product, ast.Assign)
    assert isinstance(product.value, ast.BinOp)
    assert source.enclosed(product.value.left)
    assert source.enclosed(product.value.right)
    assert not source.enclosed(product.value)


def test_rigid() -> None:
    body = Source("a = 'x'\nb = '''x\ny'''\nc = f'''x\n{a}'''\nd = (1,\n2)\n").tree.body
    assert [rigid(s) for s in body] == [False, True, True, False]


def test_top_is_below_docstring_and_future() -> None:
    text = '"""Doc."""\nfrom __future__ import annotations\n'
    assert Source(text + "import a\n").top() == len(text)
    assert Source("import a\n").top() == 0
