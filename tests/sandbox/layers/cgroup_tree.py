"""A cgroup tree of plain files that does by itself a little of what the kernel does."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

ENGINE = os.getpid()
OFFERED = "cpu io memory pids"
_FILES = ("cgroup.type", "cgroup.procs", "cgroup.subtree_control", "cgroup.kill")
_LIMITS = ("memory.max", "memory.oom.group", "memory.swap.max", "pids.max")
_COUNTERS = ("memory.current", "pids.current")


class Tree:
    """Stands in for `os` in the modules under test; processes are numbers in files.

    Attributes:
        root: What stands for "/".
        mounted: Where the tree is.
        refused: Files that the kernel refuses to write to, by their last part.
        absent: Limits that it does not know.
        busy: Names of folders that cannot be removed yet.
    """

    def __init__(self, root: Path, own: str = "/user/unit", top: str = "/", point: str = "/cg roup") -> None:
        self.root = root
        self.mounted = root / point[1:]
        self.refused: dict[str, int] = {}
        self.absent: set[str] = set()
        self.busy: set[str] = set()
        (root / "proc/self").mkdir(parents=True)
        (root / "proc/self/cgroup").write_text(f"4:memory:/elsewhere\n0::{own}\n")
        octal = point.replace(" ", r"\040")
        (root / "proc/self/mountinfo").write_text(
            "31 23 0:28 / /sys rw - tmpfs tmpfs rw,mode=755\n"
            f"41 31 0:38 {top} {octal} rw,relatime shared:9 - cgroup2 cgroup2 rw\n"
        )
        self.mounted.mkdir()
        self.process(ENGINE, 1)

    def process(self, pid: int, parent: int) -> None:
        (self.root / f"proc/{pid}").mkdir()
        (self.root / f"proc/{pid}/stat").write_text(f"{pid} (a ) name) S {parent} 0 0")

    def cgroup(self, path: str, processes: Iterable[int] = (), offered: str = OFFERED) -> Path:
        """Make a cgroup; its parents are no cgroups, just folders."""
        folder = self.mounted / path.lstrip("/")
        folder.mkdir(parents=True, exist_ok=True)
        for name in _FILES:
            (folder / name).touch()
        (folder / "cgroup.controllers").write_text(offered + "\n")
        (folder / "cgroup.procs").write_text("".join(f"{pid}\n" for pid in processes))
        return folder

    def members(self, folder: Path) -> list[int]:
        return [int(line) for line in (folder / "cgroup.procs").read_text().split()]

    # -- what the modules under test call ------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def access(self, path: str, _mode: int) -> bool:
        return os.path.basename(path) not in self.refused

    def mkdir(self, path: str, *, dir_fd: int | None = None) -> None:
        os.mkdir(path, dir_fd=dir_fd)
        for name in (*_FILES, *_LIMITS, *_COUNTERS):
            if name not in self.absent:
                fd = os.open(f"{path}/{name}", os.O_CREAT | os.O_WRONLY, dir_fd=dir_fd)
                os.write(fd, b"0\n" if name in _COUNTERS else b"")
                os.close(fd)

    def rmdir(self, path: str, *, dir_fd: int | None = None) -> None:
        place = Path(path) if dir_fd is None else Path(os.readlink(f"/proc/self/fd/{dir_fd}")) / path
        if place.name in self.busy or (place.is_dir() and self.members(place)):
            raise OSError(errno.EBUSY, "in use")
        for file in place.glob("*.*"):
            file.unlink()
        place.rmdir()

    def write(self, fd: int, data: bytes) -> int:
        file = Path(os.readlink(f"/proc/self/fd/{fd}"))
        if file.name in self.refused:
            raise OSError(self.refused[file.name], "refused")
        if file.name == "cgroup.procs":
            self._move(int(data), file.parent)
        elif file.name == "cgroup.kill":
            (file.parent / "cgroup.procs").write_text("")
        elif file.name == "cgroup.subtree_control" and self._internal(file.parent):
            raise OSError(errno.EBUSY, "has processes")
        else:
            file.write_bytes(data)
        return len(data)

    def _move(self, pid: int, target: Path) -> None:
        for file in self.mounted.rglob("cgroup.procs"):
            others = [other for other in self.members(file.parent) if other != pid]
            file.write_text("".join(f"{other}\n" for other in others))
        with (target / "cgroup.procs").open("a") as procs:
            procs.write(f"{pid}\n")

    def _internal(self, folder: Path) -> bool:
        return (folder / "cgroup.type").exists() and bool(self.members(folder))
