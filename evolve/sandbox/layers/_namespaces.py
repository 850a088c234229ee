"""Namespaces: a world of its own for users, processes, network, ipc, host name and mounts.

Source: namespaces(7), user_namespaces(7), pid_namespaces(7).
"""

from __future__ import annotations

import contextlib
import os

from evolve.sandbox import _kernel
from evolve.sandbox.layers._privileges import NOBODY

_OF_THE_ZYGOTE = (
    _kernel.CLONE_NEWUSER
    | _kernel.CLONE_NEWPID
    | _kernel.CLONE_NEWNS
    | _kernel.CLONE_NEWNET
    | _kernel.CLONE_NEWIPC
    | _kernel.CLONE_NEWUTS
)
# A child stays in the zygote's network, which is empty too: without capabilities and sockets it can leave
# nothing there for the next one, and a network of its own would cost as much as all other layers together.
_OF_A_CHILD = _kernel.CLONE_NEWNS | _kernel.CLONE_NEWIPC | _kernel.CLONE_NEWUTS

NAMES = (
    "user_namespace",
    "pid_namespace",
    "network_namespace",
    "ipc_namespace",
    "uts_namespace",
    "mount_namespace",
)


def works() -> bool:
    """Try it in a child: a kernel may grant the namespaces and then refuse their use, with no way back."""
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(OSError):
            unshare_for_zygote()
            code = 0
        os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def unshare_for_zygote() -> bool:
    """Enter own namespaces; tell whether `nobody` is mapped besides the own user.

    Processes forked from here on live in the new pid namespace; this one stays outside of it.

    Raises:
        OSError: the kernel refuses.
    """
    uid, gid = os.geteuid(), os.getegid()
    mapper = _start_mapper() if uid == 0 else None
    _kernel.unshare(_OF_THE_ZYGOTE)
    if mapper is not None and _let_map(*mapper):
        return True
    _map_self(uid, gid)
    return False


def unshare_for_child() -> None:
    """Leave the zygote's namespaces for new ones, without anything of earlier children; raises OSError."""
    _kernel.unshare(_OF_A_CHILD)


def leave_network() -> None:
    """Move this process into an empty network where the kernel allows it; a scorer needs none."""
    uid, gid = os.geteuid(), os.getegid()
    with contextlib.suppress(OSError):
        _kernel.unshare(_kernel.CLONE_NEWUSER | _kernel.CLONE_NEWNET)
        _map_self(uid, gid)


def _map_self(uid: int, gid: int) -> None:
    """Stay the same user in the user namespace just entered; raises OSError."""
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")


def _start_mapper() -> tuple[int, int]:
    """Fork a helper that maps two users for its parent: only one who stays outside may do that."""
    target = os.getpid()
    reader, writer = os.pipe()
    helper = os.fork()
    if helper == 0:
        code = 1
        os.close(writer)
        with contextlib.suppress(OSError):
            if os.read(reader, 1):
                for kind in ("uid_map", "gid_map"):
                    _write(f"/proc/{target}/{kind}", f"0 0 1\n{NOBODY} {NOBODY} 1\n")
                code = 0
        os._exit(code)
    os.close(reader)
    return helper, writer


def _let_map(helper: int, writer: int) -> bool:
    os.write(writer, b"!")
    os.close(writer)
    return os.waitpid(helper, 0)[1] == 0


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
