"""Give up what the sandbox itself needed: capabilities, the root user, and any way to regain them."""

from __future__ import annotations

import os
import struct

from evolve.sandbox import _kernel

NOBODY = 65534
_CAPABILITY_VERSION_3 = 0x20080522
_HIGHEST_CAPABILITY = 63


def drop_bounding_set() -> None:
    """Make it impossible for descendants to gain a capability by starting a program; raises OSError."""
    for capability in range(_HIGHEST_CAPABILITY + 1):
        try:
            _kernel.prctl(_kernel.PR_CAPBSET_DROP, capability)
        except OSError:
            break  # beyond the last one that this kernel knows
    _kernel.prctl(_kernel.PR_CAP_AMBIENT, _kernel.PR_CAP_AMBIENT_CLEAR_ALL)


def drop(*, nobody: bool) -> None:
    """Empty every capability set of this process; raises OSError.

    Args:
        nobody: Become the user `nobody` too: the root user is exempt from the ceiling of processes.
    """
    if nobody:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    _kernel.prctl(_kernel.PR_SET_DUMPABLE, 1)  # readable for the memory watch, which the zygote is not
    _kernel.capset(struct.pack("<Ii", _CAPABILITY_VERSION_3, 0), bytes(24))


def forbid_new_privileges() -> None:
    """Make set-user-id programs and file capabilities without effect from here on."""
    _kernel.prctl(_kernel.PR_SET_NO_NEW_PRIVS, 1)
