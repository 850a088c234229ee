"""Landlock: the kernel refuses files outside of an allow list, TCP, and signals to the outside.

Source: the kernel's "Landlock: unprivileged access control"; what is offered depends on the ABI
version, and what a kernel does not know is left out.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable

from evolve.sandbox import _kernel

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # equal on all machines
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_FILE_RIGHTS_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
_FILE_ONLY = (
    _EXECUTE | _WRITE_FILE | _READ_FILE | 1 << 14 | 1 << 15
)  # truncate, ioctl: rights that a file can have
_MAKE_DEVICES = 1 << 6 | 1 << 11  # character and block devices
_TCP = 0b11  # bind, connect; ABI 4
_SCOPES = 0b11  # abstract unix sockets, signals; ABI 6


def abi() -> int:
    """Return the version that the kernel offers; 0 when it has none or it is off."""
    try:
        return _kernel.syscall(_CREATE_RULESET, None, 0, _VERSION_FLAG)
    except OSError:
        return 0


def layers(version: int) -> list[str]:
    """Name the layers that an ABI version gives."""
    names = [(1, "landlock_files"), (4, "landlock_tcp"), (6, "landlock_scope")]
    return [name for since, name in names if version >= since]


def apply(
    version: int, readable: Iterable[str], writable: Iterable[str], runnable: Iterable[str] = ()
) -> None:
    """Restrict this process and its descendants, for good; needs no_new_privs.

    Args:
        version: What `abi` returned.
        readable: Files and folders that may be read and executed; missing ones are passed over.
        writable: Folders in which everything but making devices and executing is allowed.
        runnable: Of these, folders in which what was made may be executed too.

    Raises:
        OSError: the kernel refuses.
    """
    rights = max(rights for since, rights in _FILE_RIGHTS_BY_ABI.items() if since <= version)
    content = struct.pack("<QQQ", rights, _TCP if version >= 4 else 0, _SCOPES if version >= 6 else 0)
    size = 8 if version < 4 else 16 if version < 6 else 24
    ruleset = _kernel.syscall(_CREATE_RULESET, content[:size], size, 0)
    try:
        for path in readable:
            _allow(ruleset, path, _READ & rights)
        for path in writable:
            _allow(ruleset, path, rights & ~_MAKE_DEVICES & ~_EXECUTE)
        for path in runnable:
            _allow(ruleset, path, _EXECUTE & rights)
        _kernel.syscall(_RESTRICT_SELF, ruleset, 0)
    finally:
        os.close(ruleset)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            rights &= _FILE_ONLY
        _kernel.syscall(_ADD_RULE, ruleset, _RULE_PATH_BENEATH, struct.pack("<Qi", rights, fd), 0)
    finally:
        os.close(fd)
