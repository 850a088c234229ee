"""What confines a program: prepared in the zygote, applied by each child before it reads its job."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass

from evolve.sandbox import _kernel
from evolve.sandbox._limits import Limits, apply_rlimits
from evolve.sandbox.layers import _landlock, _namespaces, _privileges, _root, _seccomp

ALWAYS = ("session", "rlimits", "deadline", "scratch", "clean_environment", "closed_descriptors", "codec")


@dataclass(frozen=True, slots=True)
class Confinement:
    """The layers of a zygote's children.

    Attributes:
        namespaces: In namespaces and a root of their own.
        nobody: The user `nobody` is mapped, and to be become.
        landlock: Landlock's ABI version; 0: not offered.
        seccomp: The assembled filter; empty: not offered.
        seccomp_exec: The same for those who may start other programs.
        readable: What may be read where there is no root of the sandbox's own.
        address_space: Bytes of address space that are the zygote's doing.
    """

    namespaces: bool
    nobody: bool
    landlock: int
    seccomp: bytes
    seccomp_exec: bytes
    readable: tuple[str, ...]
    address_space: int

    def layers(self) -> list[str]:
        """Name the layers in force."""
        names = list(ALWAYS)
        if self.namespaces:
            names += [
                *_namespaces.NAMES,
                "own_root",
                "scratch_tmpfs",
                "process_ceiling",
                "dropped_capabilities",
            ]
        if _kernel.LINUX:
            names += ["no_new_privs", "parent_death_signal"]
        names += _landlock.layers(self.landlock)
        return [*names, "seccomp"] if self.seccomp else names

    def apply(self, limits: Limits, scratch: str) -> None:
        """Confine this process for good; the order matters: each step needs what a later one takes away.

        Args:
            limits: What to allow.
            scratch: Its folder, where there is no root of the sandbox's own.

        Raises:
            OSError: a layer cannot be applied; the caller must not run the program.
        """
        if self.namespaces:
            _namespaces.unshare_for_child()
            owner = _privileges.NOBODY if self.nobody else os.geteuid()
            _root.mount_scratch(limits.scratch_mb, limits.scratch_files, owner)
            scratch = _root.SCRATCH  # the zygote has put it into the environment
        else:
            os.environ["TMPDIR"] = os.environ["HOME"] = scratch
        os.chdir(scratch)
        apply_rlimits(
            limits, self.address_space, count_processes=self.namespaces, others=0 if self.nobody else 2
        )
        if self.namespaces:
            _privileges.drop(nobody=self.nobody)
        if _kernel.LINUX:
            _kernel.prctl(
                _kernel.PR_SET_PDEATHSIG, signal.SIGKILL
            )  # after the change of user, which clears it
            _privileges.forbid_new_privileges()
        if self.landlock:
            readable = ["/"] if self.namespaces else self.readable
            runnable = [scratch] if limits.may_exec else []
            _landlock.apply(self.landlock, readable, [scratch, *_root.WRITABLE_DEVICES], runnable)
        if self.seccomp:
            _seccomp.apply(self.seccomp_exec if limits.may_exec else self.seccomp)
