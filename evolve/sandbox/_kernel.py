"""The few Linux system calls that the standard library does not offer, by ctypes."""

from __future__ import annotations

import ctypes
import errno
import os
import sys

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
SECCOMP_MODE_FILTER = 2

MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

LINUX = sys.platform == "linux"
_LIBC = ctypes.CDLL(None, use_errno=True) if LINUX else None
_NAMES = ("unshare", "setns", "prctl", "mount", "umount2", "pivot_root", "capset", "syscall")
_FUNCTIONS = {name: getattr(_LIBC, name) for name in _NAMES if _LIBC}  # looked up once, not in every child


def unshare(flags: int) -> None:
    """Leave the shared namespaces named by `flags`; raises OSError."""
    _call("unshare", flags)


def setns(fd: int, kind: int) -> None:
    """Enter the namespace behind `fd`; raises OSError."""
    _call("setns", fd, kind)


def prctl(option: int, second: int, third: int = 0) -> None:
    """Set a process attribute; raises OSError."""
    rest = (ctypes.c_ulong(value) for value in (second, third, 0, 0))
    _call("prctl", option, *rest)


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mount; raises OSError."""
    texts = (source.encode(), target.encode(), kind.encode())
    _call("mount", *texts, ctypes.c_ulong(flags), data.encode(), where=target)


def umount(target: str, flags: int) -> None:
    """Unmount; raises OSError."""
    _call("umount2", target.encode(), flags, where=target)


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root folder and put the old root at `old`; raises OSError."""
    _call("pivot_root", new.encode(), old.encode())


def capset(head: bytes, data: bytes) -> None:
    """Set the capabilities of this process; raises OSError."""
    _call("capset", head, data)


def syscall(number: int, *arguments: object) -> int:
    """Make a system call that the C library has no function for; returns its value, raises OSError."""
    long_arguments = (ctypes.c_long(a) if isinstance(a, int) else a for a in arguments)
    return _call("syscall", ctypes.c_long(number), *long_arguments)


def _call(name: str, *arguments: object, where: str = "") -> int:
    if not LINUX:
        raise OSError(errno.ENOSYS, f"{name} is a Linux system call")
    result: int = _FUNCTIONS[name](*arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}" + (f" ({where})" if where else ""))
    return result
