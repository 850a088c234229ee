"""A root directory of the sandbox's own: the interpreter, its libraries, the problem's public data, no more.

What is not there cannot be read, whatever the program's rights: no home, no keys, no store, no scorer,
no other run. It is built once, in the zygote's mount namespace; every child gets a copy.
"""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

from evolve.sandbox import _kernel

SCRATCH = "/scratch"
"""Where every child mounts a tmpfs of its own."""
WRITABLE_DEVICES = ("/dev/null", "/dev/full")
_DEVICES = ("null", "full", "random", "urandom")  # not zero: mapped, it is memory that nobody counts
_SYSTEM = (
    "/usr",
    "/lib",
    "/lib64",
    "/lib32",
    "/libx32",
    "/bin",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/etc/alternatives",
)

_MOUNT_SETATTR = 442
_AT_FDCWD = -100
_AT_RECURSIVE = 0x8000
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 1, 2, 4


def readable_paths() -> list[str]:
    """List what programs may read on this machine: absolute paths that exist, none inside another."""
    python = [sys.base_prefix, sys.prefix, os.path.dirname(os.__file__), *_library_folders()]
    found = {os.path.realpath(path) for path in (*_SYSTEM, *python) if os.path.exists(path)}
    return sorted(path for path in found if not any(_inside(path, other) for other in found if other != path))


def _library_folders() -> list[str]:
    """Return the folders that modules come from, without the one that holds this very package's source."""
    own = str(_package().parent)
    return [
        path
        for path in sys.path
        if os.path.isabs(path) and (os.path.realpath(path) != own or path.endswith("-packages"))
    ]


def _package() -> Path:
    """Return the folder of the package that this module belongs to."""
    return Path(__file__).resolve().parents[2]


def _inside(path: str, folder: str) -> bool:
    return path.startswith(folder.rstrip("/") + "/")


def build(base: str, readable: Iterable[str], hidden: Iterable[str], public: Iterable[str]) -> None:
    """Enter a new root in a mount namespace that is this process's own.

    Args:
        base: An empty folder to build it on; untouched outside of the namespace.
        readable: What to show, read-only, at the same paths.
        hidden: Folders to cover where they lie inside of what is shown.
        public: What to show even there: a problem's public data.

    Raises:
        OSError: a mount is refused.
    """
    _kernel.mount("none", "/", "", _kernel.MS_REC | _kernel.MS_PRIVATE)
    _kernel.mount("none", base, "tmpfs", _kernel.MS_NOSUID, "size=1m,mode=755")
    for path in readable:
        _bind(path, base + path)
    for folder in (str(_package()), *hidden):  # the package holds the shipped scorers
        if os.path.isdir(base + folder):
            _kernel.mount("none", base + folder, "tmpfs", _kernel.MS_NOSUID, "size=64k,mode=755")
    for path in public:
        _bind(path, base + path)
    _set_attributes(base, _ATTR_NOSUID | _ATTR_NODEV)
    for link in _SYSTEM:
        if os.path.islink(link):
            os.symlink(os.readlink(link), base + link)
    for device in _DEVICES:
        _bind(f"/dev/{device}", f"{base}/dev/{device}")
    os.mkdir(base + SCRATCH, 0o700)
    os.symlink(SCRATCH, base + "/dev/shm")  # shared memory counts as scratch space
    _enter(base)
    # nothing of it can be written, so that no program leaves anything to the next one
    _set_attributes("/", _ATTR_RDONLY)


def _bind(source: str, target: str) -> None:
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_WRONLY, 0o644))
    _kernel.mount(source, target, "", _kernel.MS_BIND | _kernel.MS_REC)


def _set_attributes(path: str, attributes: int) -> None:
    """Add attributes to all mounts from `path` on."""
    content = struct.pack("<QQQQ", attributes, 0, 0, 0)
    _kernel.syscall(_MOUNT_SETATTR, _AT_FDCWD, path.encode(), _AT_RECURSIVE, content, len(content))


def _enter(base: str) -> None:
    """Make `base` the root and let go of the old one."""
    os.chdir(base)
    _kernel.pivot_root(".", ".")
    _kernel.umount(".", _kernel.MNT_DETACH)
    os.chdir("/")


def mount_scratch(megabytes: float, inodes: int, owner: int) -> None:
    """Mount a capped tmpfs as this child's scratch folder; it goes with the child's mount namespace."""
    options = f"size={int(megabytes * 1024)}k,nr_inodes={inodes},mode=700,uid={owner},gid={owner}"
    _kernel.mount("none", SCRATCH, "tmpfs", _kernel.MS_NOSUID | _kernel.MS_NODEV, options)
