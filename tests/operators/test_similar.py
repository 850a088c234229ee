from __future__ import annotations

import subprocess
import sys
import timeit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.operators import fingerprint, similarity
from evolve.operators._similar import SAMPLE, tokens
from tests.operators.helpers import RINGS, programs


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = b+1.5  # no", "a = b + 1.5"),
        ("def f():\n    '''doc'''\n    x = '# kept'", "def f ( ) : x = ' # kept '"),
        ('"""doc"""\nx = """\ntext"""', 'x = " " " text " " "'),
        ('def f():\n    "doc"\n    return "no doc"', 'def f ( ) : return " no doc "'),
        ("x = 'it''s'\r\n", "x = ' it ' ' s '"),
        ("x = 'open", "x = ' open"),
        ("", ""),
    ],
)
def test_tokens(text: str, expected: str) -> None:
    assert tokens(text) == expected.split()


@pytest.mark.parametrize("part", ['"\\', "'\\", '"', "'", "'''", '"""', "'''\\", '"""a', "#"])
def test_no_text_holds_the_engine_up(part: str) -> None:
    """What is scanned anew from every quote of it would take hours at this length."""
    assert len(tokens(part * 200_000)) <= 200_000 * len(part)


def test_comments_docstrings_and_layout_do_not_count() -> None:
    other = RINGS.replace("# golden angle", "# another remark").replace("Pack n circles.", "Doc.")
    other = other.replace("0.5 + SPACING", "0.5  +  SPACING")
    assert similarity(fingerprint(RINGS), fingerprint(other)) == 1.0


def test_alike_and_unlike() -> None:
    mark = fingerprint(RINGS)
    near = similarity(mark, fingerprint(RINGS.replace("0.99", "0.98")))
    renamed = similarity(mark, fingerprint(RINGS.replace("points", "spots")))
    far = similarity(mark, fingerprint("import os\nprint(os.name)\n"))
    assert 0.9 < near < 1
    assert 0.4 < renamed < near
    assert far < 0.1


@given(one=programs(), two=programs())
def test_similarity_is_symmetric_and_bounded(one: str, two: str) -> None:
    a, b = fingerprint(one), fingerprint(two)
    assert 0 <= similarity(a, b) == similarity(b, a) <= 1
    assert similarity(a, a) == 1


@given(st.text())
def test_any_text_has_a_fingerprint(text: str) -> None:
    assert len(fingerprint(text)) <= SAMPLE
    assert similarity(fingerprint(text), fingerprint("")) in (0.0, 1.0)


def test_long_programs_are_sampled_alike() -> None:
    lines = [f"x{i} = f({i}, y{i})" for i in range(400)]
    whole = fingerprint("\n".join(lines))
    assert len(whole) == SAMPLE
    half = fingerprint("\n".join(lines[:200]))
    assert similarity(whole, fingerprint("\n".join(lines[:396]))) > 0.9
    assert similarity(whole, half) < 0.7


def test_other_processes_find_the_same() -> None:
    code = f"from evolve.operators import fingerprint; print(sum(fingerprint({RINGS!r})))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout
    assert int(printed) == sum(fingerprint(RINGS))


def test_speed() -> None:
    """Far above the 1 ms and 10 µs that they take, for machines under load."""
    text = "\n".join(f"    value{i % 40} = combine(value{(i * 7) % 40}, {i} * 0.5)" for i in range(200))
    a, b = fingerprint(text), fingerprint(text.replace("value3 ", "value4 "))
    assert min(timeit.repeat(lambda: fingerprint.__wrapped__(text), number=5, repeat=5)) / 5 < 0.01
    assert min(timeit.repeat(lambda: similarity(a, b), number=100, repeat=5)) / 100 < 1e-4
