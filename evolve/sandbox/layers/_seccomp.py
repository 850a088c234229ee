"""seccomp: the kernel refuses dangerous system calls, whatever the program's rights.

The filter is a classic BPF program (seccomp(2), "Seccomp BPF" in the kernel's documentation). It is
assembled here because it is small, and because the binding to libseccomp needs a system library.
"""

from __future__ import annotations

import ctypes
import errno
import struct
from functools import cache

from evolve.sandbox import _kernel
from evolve.sandbox.layers import _syscalls

_LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
_JUMP_EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
_JUMP_AT_LEAST = 0x35
_JUMP_ANY_BIT = 0x45
_RETURN = 0x06

_NUMBER, _ARCH, _FIRST_ARGUMENT, _FOURTH_ARGUMENT = (
    0,
    4,
    16,
    40,
)  # offsets in struct seccomp_data, little-endian machines

ALLOW = 0x7FFF0000
KILL = 0x80000000
EPERM = 0x00050000 | errno.EPERM
ENOSYS = 0x00050000 | errno.ENOSYS

_X32_BIT = 0x40000000  # the second system call table of x86-64, where every number means something else
_NEW_NAMESPACES = 0x7E020000 | 0x80  # all CLONE_NEW* flags
_CLONE_THREAD = 0x00010000
_AF_UNIX = 1
_MAP_SHARED, _MAP_ANONYMOUS = 0x01, 0x20
_LINEAR = 8

Instruction = tuple[int, int, int, int]
"""code, jump if true, jump if false (both relative), operand."""


@cache
def program(machine: str, *, allow_exec: bool = False) -> bytes:
    """Assemble the filter for a machine.

    Args:
        machine: One of `_syscalls.MACHINES`.
        allow_exec: Let the program start other programs (of those that it can see).
    """
    return b"".join(struct.pack("<HBBI", *line) for line in _assemble(machine, allow_exec))


@cache
def one_process(machine: str) -> bytes:
    """Assemble a filter that, on top of the other, refuses new processes; threads are allowed.

    Args:
        machine: One of `_syscalls.MACHINES`.
    """
    column = _syscalls.MACHINES.index(machine)
    forks = [number[column] for number in _syscalls.FORKS if number[column] is not None]
    lines: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, _syscalls.AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_EQUAL, 0, 1, _syscalls.CLONE3[column]),
        (_RETURN, 0, 0, ENOSYS),
        (_JUMP_EQUAL, 0, 4, _syscalls.CLONE[column]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_ANY_BIT, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, EPERM),
        (_RETURN, 0, 0, ALLOW),
    ]
    return b"".join(struct.pack("<HBBI", *line) for line in lines + _search(sorted(filter(None, forks))))


def _assemble(machine: str, allow_exec: bool) -> list[Instruction]:
    column = _syscalls.MACHINES.index(machine)
    denied = _syscalls.denied_numbers(machine)
    if allow_exec:
        denied = {name: number for name, number in denied.items() if not name.startswith("exec")}
    lines: list[Instruction] = [
        (_LOAD, 0, 0, _ARCH),
        (_JUMP_EQUAL, 1, 0, _syscalls.AUDIT_ARCH[machine]),
        (_RETURN, 0, 0, KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_JUMP_AT_LEAST, 0, 1, _X32_BIT),
        (_RETURN, 0, 0, EPERM),
        (_JUMP_EQUAL, 0, 1, _syscalls.CLONE3[column]),
        (_RETURN, 0, 0, ENOSYS),
        (_JUMP_EQUAL, 0, 4, _syscalls.CLONE[column]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_ANY_BIT, 0, 1, _NEW_NAMESPACES),
        (_RETURN, 0, 0, EPERM),
        (_RETURN, 0, 0, ALLOW),
        (_JUMP_EQUAL, 0, 4, _syscalls.SOCKETPAIR[column]),
        (_LOAD, 0, 0, _FIRST_ARGUMENT),
        (_JUMP_EQUAL, 1, 0, _AF_UNIX),
        (_RETURN, 0, 0, EPERM),
        (_RETURN, 0, 0, ALLOW),
        (_JUMP_EQUAL, 0, 5, _syscalls.MMAP[column]),
        (_LOAD, 0, 0, _FOURTH_ARGUMENT),
        (_JUMP_ANY_BIT, 0, 2, _MAP_ANONYMOUS),
        (_JUMP_ANY_BIT, 0, 1, _MAP_SHARED),
        (_RETURN, 0, 0, EPERM),
        (_RETURN, 0, 0, ALLOW),
    ]
    return lines + _search(sorted(denied.values()))


def _search(denied: list[int]) -> list[Instruction]:
    """Look the number up by bisection: to install a filter, the kernel runs it for every call there is."""
    if len(denied) <= _LINEAR:
        # each line jumps to the last one when equal
        lines = [(_JUMP_EQUAL, len(denied) - place, 0, number) for place, number in enumerate(denied)]
        return [*lines, (_RETURN, 0, 0, ALLOW), (_RETURN, 0, 0, EPERM)]
    middle = len(denied) // 2
    below, above = _search(denied[:middle]), _search(denied[middle:])
    return [(_JUMP_AT_LEAST, len(below), 0, denied[middle]), *below, *above]


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def apply(filter_program: bytes) -> None:
    """Install the filter for this process and its descendants, for good; needs no_new_privs.

    Raises:
        OSError: the kernel refuses.
    """
    head = _FilterProgram(len(filter_program) // 8, filter_program)
    _kernel.prctl(_kernel.PR_SET_SECCOMP, _kernel.SECCOMP_MODE_FILTER, ctypes.addressof(head))
