"""Hostile programs that prove, or disprove, that an executor's sandbox holds. Linux only.

Every attack is a small program that tries one thing that a candidate must not be able to do. It
is judged by what happened outside of the sandbox: bait that was read or changed, a connection that
arrived, a process that was left, a score that is impossible. Attacks are bounded and aim at the
bait alone, so the suite is safe to run on an executor without any protection.

    with World() as world:
        async with LocalExecutor(load_problem(world.problem), 1) as executor:
            for report in await run_suite(executor, world):
                print(report)

The world has to be there before the executor is started: what an executor inherits is part of
the proof. `conformance` turns the attacks into pytest parameters, `check` fails a test.

Attacks with `language` "c" are compiled by `cc` within the executor. Where there is none, they are not
reported as held, for nothing was tried; leave them out.
"""

from __future__ import annotations

from evolve.testing.hostile._attack import Attack, Outcome, Report
from evolve.testing.hostile._attacks import ATTACKS
from evolve.testing.hostile._suite import check, conformance, run_attack, run_suite
from evolve.testing.hostile._world import World

__all__ = [
    "ATTACKS",
    "Attack",
    "Outcome",
    "Report",
    "World",
    "check",
    "conformance",
    "run_attack",
    "run_suite",
]
