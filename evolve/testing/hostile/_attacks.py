"""All attacks, in the order in which the suite runs them."""

from __future__ import annotations

from evolve.testing.hostile._attack import Attack
from evolve.testing.hostile._commands import ATTACKS as COMMANDS
from evolve.testing.hostile._escape import ATTACKS as ESCAPE
from evolve.testing.hostile._forging import ATTACKS as FORGING
from evolve.testing.hostile._kernel import ATTACKS as KERNEL
from evolve.testing.hostile._network import ATTACKS as NETWORK
from evolve.testing.hostile._persistence import ATTACKS as PERSISTENCE
from evolve.testing.hostile._processes import ATTACKS as PROCESSES
from evolve.testing.hostile._programs import ATTACKS as PROGRAMS
from evolve.testing.hostile._resources import ATTACKS as RESOURCES
from evolve.testing.hostile._secrets import ATTACKS as SECRETS

ATTACKS: tuple[Attack, ...] = (
    *ESCAPE,
    *SECRETS,
    *NETWORK,
    *PROCESSES,
    *RESOURCES,
    *FORGING,
    *KERNEL,
    *PERSISTENCE,
    *PROGRAMS,
    *COMMANDS,
)
