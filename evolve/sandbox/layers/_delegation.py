"""The part of the cgroup tree that is this engine's to rule: found, made ready, and tidied.

A process may make cgroups below its own when that one has been delegated to it, as systemd does for a
unit with `Delegate=yes`. Source: the kernel's "Control Group v2", "Delegation" and "No Internal Process
Constraint".
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass

CONTROLLERS = ("memory", "pids")
ENGINE = "evolve-engine"
"""The cgroup that the engine moves into: one that has processes cannot hand controllers to those below."""
_PROGRAM = re.compile(r"evolve\.(\d+)\.")
_OCTAL = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class Subtree:
    """Where programs get cgroups of their own.

    Attributes:
        path: The folder to make them in; empty: there is none.
        prefix: How their names begin: with the engine's process, by which to know what it has left.
        lack: Why there is none.
    """

    path: str = ""
    prefix: str = ""
    lack: str = ""

    def tidy(self) -> None:
        """Remove what zygotes that were killed have left."""
        with contextlib.suppress(FileNotFoundError):
            names = os.listdir(self.path) if self.path else []
            _remove(self.path, [name for name in names if name.startswith(self.prefix)])


class _Lacking(Exception):  # noqa: N818 - what is so, and on most machines no error
    """There is no cgroup to rule; says why."""


def claim(root: str = "/") -> Subtree:
    """Find the cgroup that was delegated to this process and make it ready; may move this process.

    Nothing is changed where other processes than this one and its descendants are in that cgroup.

    Args:
        root: Where /proc and the mount points are looked for.
    """
    try:
        path = _base(_own(root))
        _check(path)
        _enable(path, root)
        _remove(path, _of_the_dead(path, root))
    except _Lacking as lack:
        return Subtree(lack=str(lack))
    except OSError as error:
        return Subtree(lack=f"the kernel refuses it: {error}")
    return Subtree(path, f"evolve.{os.getpid()}.{secrets.token_hex(4)}.")


def _own(root: str) -> str:
    """Return the folder of the cgroup that this process is in."""
    try:
        lines = _read(root, "proc/self/cgroup").splitlines()
    except FileNotFoundError:
        raise _Lacking("this system has no cgroups") from None
    own = next((line[3:] for line in lines if line.startswith("0::")), "")
    for top, point in _mounts(root):
        inside = os.path.relpath(own or "/", top)
        if own and not own.startswith("/..") and not inside.startswith(".."):
            return os.path.normpath(os.path.join(root, point.lstrip("/"), inside))
    raise _Lacking("this process is in no cgroup of version 2 that is mounted here")


def _mounts(root: str) -> Iterator[tuple[str, str]]:
    """List the mounts of cgroup v2: which of its folders is shown where. See proc(5), mountinfo."""
    for line in _read(root, "proc/self/mountinfo").splitlines():
        fields = line.split(" ")
        if fields[fields.index("-") + 1] == "cgroup2":
            yield _unescaped(fields[3]), _unescaped(fields[4])


def _unescaped(text: str) -> str:
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), text)


def _base(own: str) -> str:
    """Return the delegated cgroup; an engine before this one may have moved its descendants out of it."""
    return os.path.dirname(own) if os.path.basename(own) == ENGINE else own


def _check(path: str) -> None:
    offered = _read(path, "cgroup.controllers").split()
    missing = [name for name in CONTROLLERS if name not in offered]
    if missing:
        raise _Lacking(f"cgroup v2 has no controller {' and '.join(missing)} here")
    needed = (path, f"{path}/cgroup.procs", f"{path}/cgroup.subtree_control")
    if not all(os.access(name, os.W_OK) for name in needed) or not _is_given_to_root(path):
        raise _Lacking("the cgroup of this process is not delegated to its user")


def _is_given_to_root(path: str) -> bool:
    """Look for systemd's mark on a cgroup of its making, which root may write to in any case."""
    if os.geteuid() != 0 or not path.endswith((".service", ".scope")):
        return True
    with contextlib.suppress(OSError):
        return os.getxattr(path, "trusted.delegate") == b"1"
    return False


def _enable(path: str, root: str) -> None:
    """Have the cgroups below get the controllers; they come with files to set limits by."""
    enabled = _read(path, "cgroup.subtree_control").split()
    missing = [f"+{name}" for name in CONTROLLERS if name not in enabled]
    if os.path.exists(f"{path}/cgroup.type"):
        _move_out(path, root)
    elif missing:  # only the root of all has no type: what is enabled there counts for the whole machine
        raise _Lacking("this process is in the root cgroup, which is the whole machine's")
    if missing:
        _write(f"{path}/cgroup.subtree_control", " ".join(missing))


def _move_out(path: str, root: str) -> None:
    """Move the engine, with what it has started already, one down."""
    processes = _read(path, "cgroup.procs").split()
    if not all(_is_ours(int(pid), root) for pid in processes):
        raise _Lacking("other processes are in the cgroup of this one")
    if processes:
        with contextlib.suppress(FileExistsError):
            os.mkdir(f"{path}/{ENGINE}")
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):  # it has ended
            _write(f"{path}/{ENGINE}/cgroup.procs", pid)


def _is_ours(pid: int, root: str) -> bool:
    """Tell whether a process is this one or a descendant; 0 stands for one that cannot be seen from here."""
    while pid not in (0, os.getpid()):
        try:
            pid = int(_read(root, f"proc/{pid}/stat").rpartition(")")[2].split()[1])
        except FileNotFoundError:
            return False  # hidden, so of somebody else
    return pid != 0


def _of_the_dead(path: str, root: str) -> list[str]:
    """Name what engines have left that are gone."""
    found = {name: _PROGRAM.match(name) for name in os.listdir(path)}
    return [name for name, of in found.items() if of and not os.path.exists(f"{root}/proc/{of[1]}")]


def _remove(path: str, names: list[str]) -> None:
    for name in names:
        with contextlib.suppress(OSError):  # something lives in it
            os.rmdir(f"{path}/{name}")


def _read(folder: str, name: str) -> str:
    with open(os.path.join(folder, name), encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def _write(path: str, text: str) -> None:
    fd = os.open(path, os.O_WRONLY)
    try:
        os.write(fd, text.encode())
    finally:
        os.close(fd)
