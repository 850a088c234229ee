"""Templates of somebody else's end, and within bounds of memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolve.errors import ProblemError, UsageError
from evolve.prompts import Prompts
from tests.prompts.helpers import full_context, override

_LONG = "{% set ns = namespace(x='" + "y" * 1000 + "') %}"
_NESTED = "{% set ns = namespace(x='y') %}{% for i in range(60) %}"

ENDLESS: list[tuple[str, str]] = [
    ("{{ 'x' * 10**10 }}", "characters in all"),
    ("{{ 10**10 * 'x' }}", "characters in all"),
    ("{{ [0] * 10**10 }}", "characters in all"),
    ("{{ 10**(10**10) }}", "10000 bits"),
    ("{{ (10**3000) * (10**3000) }}", "10000 bits"),
    ("{{ '%1000000000d' % 1 }}", "wider than 9999"),
    ("{{ '%*d' % (1000000000, 1) }}", "wider than 9999"),
    ("{{ '%1000000000d' | format(1) }}", "wider than 9999"),
    ("{{ '{:1000000000}'.format(1) }}", "wider than 9999"),
    ("{{ '{:{}}'.format(1, 1000000000) }}", "wider than 9999"),
    ("{{ '{:1000000000}'.format_map({}) }}", "wider than 9999"),
    ("{{ 'x'.center(10**10) }}", "characters in all"),
    ("{{ 'x' | center(1000000000) }}", "characters in all"),
    ("{{ 'x'.ljust(width=10**10) }}", "TypeError|characters in all"),
    ("{{ (1).to_bytes(10**10, 'big') }}", "characters in all"),
    ("{{ ('x' * 10**6).replace('x', 'y' * 10**6) }}", "characters in all"),
    ("{{ ('x' * 10**6) | replace('x', 'y' * 10**6) }}", "characters in all"),
    ("{{ range(100000) | join('x' * 10**6) }}", "characters in all"),
    ("{{ range(100000) | map('center', 10**6) | join }}", "characters in all"),
    ("{{ ('\\t' * 10**5).expandtabs(10**5) }}", "characters in all"),
    ("{{ ('a\\n' * 10**5) | indent(10**5) }}", "characters in all"),
    ("{{ lipsum(n=10**6) }}", "'lipsum' is unknown"),
    ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", "200000 steps"),
    ("{% for a in range(99999) %}" + "x" * 99 + "{% endfor %}", "4000000 characters"),
    ("{% set t %}{% for a in range(99999) %}" + "x" * 9999 + "{% endfor %}{% endset %}", "in all"),
    (_LONG + "{% for a in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}", "characters in all"),
    (_LONG + "{% for a in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}", "characters in all"),
    (_NESTED + "{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}", "characters in all"),
    (_NESTED + "{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x ~ '' }}", "characters in all"),
    ("{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}", "steps"),
    (
        "{% for x in range(99999) recursive %}{{ loop(range(99999)) }}{% endfor %}",
        "steps|RecursionError|in all",
    ),
]


@pytest.mark.parametrize(("text", "message"), ENDLESS)
def test_a_template_without_end_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "problem.toml").touch()
    folder = override(tmp_path, rewrite="\n" + text)
    with pytest.raises(ProblemError, match=rf"rewrite.j2, line 2: .*({message})") as caught:
        Prompts([folder])
    assert "\n" not in str(caught.value)


def test_a_template_that_includes_itself_twice_ends(tmp_path: Path) -> None:
    own = "{% if ns.n < 10**6 %}{% set ns.n = ns.n + 1 %}" + "{% include '_own.j2' %}" * 2 + "{% endif %}"
    folder = override(
        tmp_path,
        rewrite="{% set ns = namespace(n=0) %}{% include '_own.j2' %}",
        _own=own.replace("{% if", "\n{% if"),
    )
    with pytest.raises(UsageError, match=r"RecursionError|steps|in all"):
        Prompts([folder])


def test_what_templates_usually_do_is_within_the_bounds(tmp_path: Path) -> None:
    text = (
        "{% for step in wins %}{{ loop.index }}/{{ loop.length }} {{ '%.3f' % step.after }}{{ ', ' * 2 }}"
        "{{ '{:>8}'.format(step.id) }}{{ loop.last }}{% endfor %}\n"
        "{{ 2 ** 10 }} {{ 'a' ~ parent.id ~ 'b' }} {{ '{a}'.format_map({'a': 1}) }}\n"
        "{{ wins | map(attribute='id') | join(', ') }} {{ parent.text | replace('def', 'DEF') | indent }}\n"
        "{{ 'x'.upper().center(9) }}|"
    )
    context = full_context()
    said = Prompts([override(tmp_path, rewrite=text)]).messages("rewrite", context)[1].content
    assert f"1/{len(context.wins)} " in said
    assert ", ".join(str(step.id) for step in context.wins) in said
    assert said.endswith("\n    X    |\n")
    assert "1024 a12b 1\n" in said


def test_a_bound_is_for_each_rendering_by_itself(tmp_path: Path) -> None:
    prompts = Prompts([override(tmp_path, rewrite="{% for i in range(9999) %}{% endfor %}x")])
    for _ in range(30):
        assert prompts.messages("rewrite", full_context())[1].content == "x\n"


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in [1] %}" * 25 + "{% endfor %}" * 25,
        "{{ range(a=1, a=2) }}",
        "{{ " + "9" * 5000 + " }}",
        "{{ 'abc' | truncate(-5) }}",
        "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
        "{{ 1" + " + 1" * 5000 + " }}",
        "{% macro f(a, a) %}{% endmacro %}",
    ],
)
def test_whatever_is_wrong_with_a_template_is_an_error_for_its_author(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match=r"rewrite\.j2|a prompt template"):
        Prompts([override(tmp_path, rewrite=text)])
