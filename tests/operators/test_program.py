"""What is known about a text is worked out once and shared."""

from __future__ import annotations

import ast

import pytest

from evolve.operators import NoProposal, builtin_operators
from evolve.operators._program import Program, _program
from tests.operators.helpers import BLOCKS, RINGS, context, program_of, propose


def test_equal_texts_share_an_analysis() -> None:
    assert program_of(context(RINGS)) is program_of(context(RINGS, seed=1))
    assert program_of(context(RINGS)) is not program_of(context(RINGS + "\n# x\n"))
    assert program_of(context(RINGS)) is not program_of(context(RINGS, entry="place"))


def test_parents_of_one_text_keep_their_own_ids() -> None:
    other = RINGS.replace("0.99", "0.5")
    one = propose("crossover", context(RINGS, other, seed=3))
    given = context(other, RINGS, seed=3)
    two = propose("crossover", given)
    assert one.parents == two.parents == (1, 2)
    with pytest.raises(NoProposal, match="program 2 does not parse"):
        Program.of(context(RINGS, "(").parents[1], given)


@pytest.mark.parametrize("name", sorted(builtin_operators()))
def test_proposals_do_not_alter_what_is_shared(name: str) -> None:
    other = RINGS.replace("0.99", "0.5").replace("2.4", "2.5")

    def made() -> list[str]:
        found = []
        for seed in range(25):
            try:
                found.append(repr(propose(name, context(RINGS, other, seed=seed, blocks=BLOCKS))))
            except NoProposal as reason:
                found.append(str(reason))
        return found

    _program.cache_clear()
    shared = program_of(context(RINGS))
    before = ast.dump(shared.source.tree, include_attributes=True)
    cold = made()
    assert made() == cold
    assert ast.dump(shared.source.tree, include_attributes=True) == before
    alone = []
    for seed in range(25):
        _program.cache_clear()
        try:
            alone.append(repr(propose(name, context(RINGS, other, seed=seed, blocks=BLOCKS))))
        except NoProposal as reason:
            alone.append(str(reason))
    assert alone == cold


def test_the_number_of_analyses_is_bounded() -> None:
    for number in range(300):
        program_of(context(f"{RINGS}\n# {number}\n"))
    info = _program.cache_info()
    assert info.maxsize is not None
    assert info.currsize <= info.maxsize <= 256
