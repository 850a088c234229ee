from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evolve.engine._tickets import identity, ticket_seed


@given(st.integers(0, 2**63 - 1), st.integers(1, 2**40))
def test_a_ticket_seed_repeats_and_fits_the_store(run_seed: int, ticket: int) -> None:
    seed = ticket_seed(run_seed, ticket)
    assert seed == ticket_seed(run_seed, ticket)
    assert 0 <= seed < 2**63
    np.random.default_rng(seed)


def test_tickets_and_runs_have_different_seeds() -> None:
    seeds = {ticket_seed(run, ticket) for run in range(20) for ticket in range(1, 200)}
    assert len(seeds) == 20 * 199


def test_identity_ignores_layout_of_programs_and_tells_other_text_apart() -> None:
    assert identity("x = 1  # one") == identity("x=1\n")
    assert identity("x = 1") != identity("x = 2")
    assert identity("not python (") == identity("not python (")
    assert identity("not python (") != identity("not python )")
    assert len(identity("\ud800")) == 16
