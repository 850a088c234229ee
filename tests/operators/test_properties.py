"""What holds for whatever an operator proposes."""

from __future__ import annotations

import ast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.operators import NoProposal, builtin_operators
from evolve.operators._flow import loose_names
from evolve.operators._source import functions
from evolve.source import accepts, check_compiles, code_hash, find_function, may_return, parse
from tests.operators.helpers import BLOCKS, RINGS, context, programs, propose

OPERATORS = list(builtin_operators())
SETTINGS = settings(deadline=None, derandomize=True, max_examples=20)


def check(parents: list[str], text: str) -> None:
    tree = parse(text)
    check_compiles(tree)
    entry = find_function(tree, "pack")
    assert entry is not None
    assert accepts(entry, ["n"])
    assert may_return(entry)
    assert all(code_hash(text) != code_hash(parent) for parent in parents)
    before = parse(parents[0])
    assert loose_names(tree, functions(tree)) <= loose_names(before, functions(before))


def check_untouched(parent: str, text: str) -> None:
    """Every function that says the same as before also reads the same, comments included."""
    old = {ast.dump(f): ast.get_source_segment(parent, f) for f in functions(parse(parent))}
    for function in functions(parse(text)):
        same = old.get(ast.dump(function))
        assert same is None or same == ast.get_source_segment(text, function)


@pytest.mark.parametrize("name", OPERATORS)
@SETTINGS
@given(one=programs(), two=programs(), seed=st.integers(0, 10**6))
def test_a_proposal_is_sound_and_repeatable(name: str, one: str, two: str, seed: int) -> None:
    try:
        proposal = propose(name, context(one, two, seed=seed, blocks=BLOCKS))
    except NoProposal:
        return
    check([one], proposal.text)
    check_untouched(one, proposal.text)
    assert propose(name, context(one, two, seed=seed, blocks=BLOCKS)) == proposal
    assert proposal.parents in {(1,), (1, 2)}
    assert proposal.change
    assert "\n" not in proposal.change


@settings(deadline=None, derandomize=True, max_examples=10)
@given(one=programs(), seed=st.integers(0, 10**6), length=st.integers(10, 30))
def test_chains_of_operators_stay_sound(one: str, seed: int, length: int) -> None:
    rng = np.random.default_rng(seed)
    texts = [one, RINGS]
    for step in range(length):
        name = OPERATORS[int(rng.integers(len(OPERATORS)))]
        parents = [texts[-1], texts[int(rng.integers(len(texts)))]]
        if parents[0] == parents[1]:
            parents = [texts[-1], texts[0]]
        given_context = context(*parents, seed=seed + step, blocks=BLOCKS, max_chars=4_000)
        try:
            proposal = propose(name, given_context)
        except NoProposal:
            continue
        assert len(proposal.text) <= 4_000
        check(parents[: len(proposal.parents)], proposal.text)
        texts.append(proposal.text)


@pytest.mark.parametrize("name", OPERATORS)
def test_nothing_is_proposed_beyond_the_longest_text(name: str) -> None:
    limit = len(RINGS) - 400
    other = RINGS.replace("0.99", "0.98")
    for seed in range(5):
        with pytest.raises(NoProposal):
            propose(name, context(RINGS, other, seed=seed, blocks=BLOCKS, max_chars=limit))


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("text", ["def pack(n:\n", "x = 1\n", "class pack: pass\n", "", "\0"])
def test_a_parent_without_the_entry_gives_no_proposal(name: str, text: str) -> None:
    with pytest.raises(NoProposal, match=r"program 1|parents"):
        propose(name, context(text, text, blocks=BLOCKS))


@pytest.mark.parametrize("name", OPERATORS)
def test_odd_layouts_survive(name: str) -> None:
    text = (
        "from __future__ import annotations\r\nimport math, os\r\n\r\n"
        "def pack(n): return n, helper(n)\r\n\r\n"
        "def helper(n):\r\n\tä = 'ö'; x = 1.5\r\n\tif n: return x\r\n\telif ä:\r\n\t\tx = 2 * x\r\n"
        "\tx = '''\r\n two'''\r\n\treturn x"
    )
    for seed in range(10):
        try:
            proposal = propose(name, context(text, RINGS, seed=seed, blocks=BLOCKS))
        except NoProposal:
            continue
        check([text], proposal.text)
