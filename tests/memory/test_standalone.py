from __future__ import annotations

import subprocess
import sys
import time

import pytest

from evolve.memory._standalone import Standalone, find_block, standalone_functions
from evolve.source import parse

PROGRAM = '''"""A program."""
import math
import os.path, os
import numpy as np
from itertools import combinations, chain as linked

TOL = 1e-9
LIMITS = (0.0, -1.5)
STATE = []


def near(a, b):
    """Tell whether two numbers are
    nearly the same.
    """
    return abs(a - b) < TOL


def pairs(points):
    # every pair once
    found = []
    for a, b in combinations(points, 2):
        if near(a, b):
            found.append((a, b))
    return found


def remember(x):
    STATE.append(x)
    return len(STATE)


def count(n):
    if n <= 0:
        return 0
    return 1 + count(n - 1)


def solve(n):
    for k in range(n):
        remember(k)
    return pairs([1, 2])


def ask(n):
    value = solve(n)
    return value
'''


def names(text: str, entry: str = "solve") -> list[str]:
    return [item.function.name for item in standalone_functions(text, entry)]


def block(text: str, name: str = "f", entry: str = "solve") -> Standalone:
    found = find_block(name, text, entry)
    assert found is not None
    return found


def test_functions_that_stand_on_their_own_are_found() -> None:
    # `remember` changes a global, `ask` needs the entry.
    assert names(PROGRAM) == ["near", "pairs", "count"]


def test_a_block_takes_along_what_it_needs() -> None:
    text = block(PROGRAM, "pairs").text
    assert text.startswith("from itertools import combinations\n\n\nTOL = 1e-09\n\n\ndef near(")
    assert text.endswith("    return found\n")
    assert "# every pair once" in text
    space: dict[str, object] = {}
    exec(text, space)
    assert space["pairs"]([1, 1]) == [(1, 1)]  # type: ignore[operator]


def test_a_block_of_a_block_is_the_same_block() -> None:
    for item in standalone_functions(PROGRAM, "solve"):
        again = block(item.text, item.function.name)
        assert (again.key, again.text, again.parts) == (item.key, item.text, item.parts)


def test_functions_that_it_needs_are_its_parts() -> None:
    assert block(PROGRAM, "pairs").parts == {block(PROGRAM, "near").key}
    mutual = (
        "def f(n):\n    x = n\n    return g(x) if x else 0\n\n"
        "def g(n):\n    x = n - 1\n    return f(x) if x else 1\n"
    )
    assert block(mutual).parts == block(mutual, "g").parts == frozenset()


def test_only_the_first_line_of_the_docstring_is_shown() -> None:
    assert block(PROGRAM, "near").function.doc == "Tell whether two numbers are"
    assert block("def f(x):\n    '''" + "a" * 200 + "'''\n    return x").function.doc == "a" * 117 + "..."
    assert block("def f(x):\n    '\\x1b[1mbold'\n    return x").function.doc == "[1mbold"


F = "import math\n\ndef f(x):\n    y = math.sin(x)\n    return y\n"


@pytest.mark.parametrize(
    "other",
    [
        F.replace("    y = math", "    y =   \\\n  (math).sin(x)  # math").replace(".sin(x)\n", "\n", 1),
        F.replace("    y =", "    'A sine.'\n    y ="),
        F.replace("def f", "def sine"),
        "import os\n" + F,
        F.replace("\n", "\r\n"),
        F + "\ndef solve(x):\n    return f(x)\n",
    ],
    ids=["layout", "docstring", "name", "imports", "line ends", "entry"],
)
def test_layout_name_and_surroundings_do_not_matter(other: str) -> None:
    assert other != F
    assert [item.key for item in standalone_functions(other, "solve")] == [block(F).key]


def test_the_name_does_not_matter_to_a_function_that_calls_itself() -> None:
    text = "def f(n):\n    m = n - 1\n    return f(m) if m else 0\n"
    other = text.replace("f(", "again(")
    assert block(text).key == block(other, "again").key
    assert block(text).key != block(text.replace("return f(", "return abs(")).key


@pytest.mark.parametrize(
    "other",
    [
        F.replace("math.sin", "math.cos"),
        F.replace("import math", "import cmath as math"),
        F.replace("import math", "math = 3"),
        F.replace("x", "z"),
    ],
)
def test_what_it_does_and_needs_matters(other: str) -> None:
    assert block(other).key != block(F).key


def test_a_helper_that_changes_makes_another_block() -> None:
    text = "def h(x):\n    return x + 1\n\ndef f(x):\n    y = h(x)\n    return y\n"
    assert block(text).key != block(text.replace("+ 1", "+ 2")).key


@pytest.mark.parametrize(
    "text",
    [
        "def f(x):\n    global y\n    y = x\n    return y\n",
        "Y = [1]\ndef f(x):\n    y = x\n    return Y\n",
        "Y = 1\nY = 2\ndef f(x):\n    y = x\n    return Y\n",
        "Y = 1\ndef f(x):\n    y = x\n    return Y\ndef g():\n    global Y\n    Y = 3\n",
        "def solve(x):\n    global Y\n    Y = 3\nY = 1\ndef f(x):\n    y = x\n    return Y\n",
        "def f(x):\n    y = x\n    return unknown\n",
        "def f(x):\n    y = x\n    return eval(y)\n",
        "def f(x):\n    y = x\n    return __file__\n",
        "from math import *\ndef f(x):\n    y = x\n    return y\n",
        "from . import a\ndef f(x):\n    y = x\n    return a\n",
        "class A: pass\ndef f(x):\n    y = x\n    return A\n",
        "try:\n    import a\nexcept ImportError:\n    a = None\ndef f(x):\n    y = x\n    return a\n",
        "import a as c\nimport b as c\ndef f(x):\n    y = x\n    return c\n",
        "def f(x):\n    y = x\n    return y\ndef f(x):\n    y = x\n    return x\n",
        "def f(x):\n    y = x\n    return y\nf = abs\n",
        "def solve(x):\n    return x\nf = 3\ndef f(x):\n    y = x\n    return y\n",
        "def f(x):\n    y = x\n    return solve(y)\n",
        "async def f(x):\n    y = x\n    return y\n",
        "def f(x):\n    # EVOLVE-BLOCK-START\n    y = x\n    return y\n",
        "def f(x):\n    y = '\x1b[31m'\n    return y\n",
        "def f(x):\n    y = x  # \u202e\n    return y\n",
        "def f(x):\n" + "    x += 1\n" * 80,
        "def f(x):\n    y = x\n    return '" + "a" * 6000 + "'\n",
        "def f(x):\n    return g(x)\ndef g(x):\n" + "    x += 1\n" * 79,
        "X = " + "9" * 5000 + "\ndef f(x):\n    y = X\n    return y\n",
    ],
)
def test_functions_that_cannot_stand_alone_are_left_out(text: str) -> None:
    assert "f" not in names(text)


@pytest.mark.parametrize(
    ("head", "use"),
    [
        ("import scipy.optimize\nimport scipy.linalg", "scipy.linalg.norm(x)"),
        ("from math import sin", "sin(x)"),
        ("from math import sin\nfrom math import sin", "sin(x)"),
        ("A = B = 1\nC: int = 2", "x + C"),
        ("C = 2 ** 3 - 1", "x + C"),
        ("from functools import lru_cache\n@lru_cache(\n    maxsize=2\n)", "x"),
        ("from __future__ import annotations\n# global optimum", "x"),
        ("T = '''\ndef g(): # no definition\n'''", "x"),
        ("T = (1,\n2\n)", "x"),
    ],
)
def test_usual_surroundings_are_understood(head: str, use: str) -> None:
    entry = "def solve(\n    n,\n):\n    return f(n)\n"
    text = f"{head}\ndef f(\n    x,\n):\n    y = {use}\n    return y\n\n\n{entry}"
    item = block(text)
    parse(item.text)
    assert block(item.text).key == item.key


def test_statements_behind_the_entry_are_read() -> None:
    text = "def solve(n):\n    return 1\n\n\nLIMIT = 3\n\n\ndef f(x):\n    y = x\n    return y + LIMIT\n"
    assert "LIMIT = 3" in block(text).text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "def f(",
        "\0",
        "'\ud800'",
        "def f(x):\n    y = x\n    return " + "(" * 5000 + ")" * 5000,
        "def f(x):\n    y = x\n    return " + "-" * 30_000 + "1",
        "def f(x):\n    y = x\n    return " + "+1" * 900,
        "def f(x):\n    y = x\n    return " + "lambda: " * 900 + "1",
        "def f(x):\n    if x: pass\n" + "    elif x: pass\n" * 2000,
        "@" * 10_000,
        "@a\n" * 10_000,
        "def f" * 8000,
        "def f(x):\n  return x\n" * 2000,
        "class A:\n    def f(self):\n        return 1\n",
    ],
)
def test_hostile_texts_give_nothing(text: str) -> None:
    assert names(text) == []


def test_no_program_of_the_longest_size_takes_long() -> None:
    dense = "".join(
        f"def f{k}(x):\n    y = f{k + 1}(x) + f{k // 2}(x)\n    return y + x\n" for k in range(250)
    )
    long = "x = [" + "1, " * 13_000 + "]\n"
    for text in (dense, long, "global a, b\n" * 3000, "def solve(n):\n" + "    n += 1\n" * 3000):
        begun = time.process_time()
        names(text)
        assert time.process_time() - begun < 1.0


def test_the_answer_does_not_depend_on_how_deep_the_caller_is() -> None:
    text = "def f(x):\n    y = x\n    return " + "-" * 100 + "1\n"

    def deeper(n: int) -> list[str]:
        return deeper(n - 1) if n else names(text + f"# {time.monotonic_ns()}\n")

    assert deeper(0) == deeper(300) == ["f"]


def test_keys_do_not_depend_on_the_hash_seed() -> None:
    code = (
        "import sys; from evolve.memory._standalone import standalone_functions as s;"
        "print([(i.key, i.text, sorted(i.parts)) for i in s(sys.stdin.read(), 'solve')])"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            input=PROGRAM,
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
