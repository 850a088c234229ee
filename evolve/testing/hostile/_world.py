"""The bait around a sandbox: what hostile programs want to reach, and whether they did."""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import signal
import sqlite3
import sysconfig
import tempfile
import time
from pathlib import Path

import evolve
from evolve.problem import Scalar
from evolve.sandbox import _kernel
from evolve.testing.hostile import _proc
from evolve.testing.hostile._listeners import Listeners
from evolve.testing.hostile._problem import write_problem
from evolve.testing.hostile._sentinel import Sentinel

_PR_GET_CHILD_SUBREAPER = 37
_IPC_RMID = 0
_AT_FDCWD = -100
_HANDLE_BYTES = 128


class World:
    """Prepares the bait; a context manager that removes all of it, and what attacks left.

    To be entered before the executor is started, in one process at a time. For as long as it lasts,
    a secret is in this process's environment, one of its descriptors is inheritable, and orphans
    of its descendants become its own children.

    Attributes:
        problem: Folder of the problem to start the executor with.
        facts: What attacks may be told, by name: paths, ports and numbers, never a secret.
    """

    problem: Path
    facts: dict[str, Scalar]

    def __enter__(self) -> World:
        self._label = f"evolve-hostile-{secrets.token_hex(6)}"
        self._secrets: dict[str, str] = {}
        self._folder = Path(tempfile.gettempdir(), self._label)
        self._home = _home() / f".{self._label}"
        self._undo = contextlib.ExitStack()
        try:
            self._prepare()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(self, *_error: object) -> None:
        self._put_back()
        self._undo.close()

    # -- bait ----------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self._become_subreaper()
        for folder in (self._folder, self._home):
            folder.mkdir(mode=0o755)
            self._undo.callback(shutil.rmtree, folder, ignore_errors=True)
        self._files = self._write_files()
        self._expose_descriptor()
        self._expose_environment()
        self._prepare_memory()
        self._listeners = Listeners(
            str(self._folder / "socket"), self._label, str(self._file("descriptor.txt"))
        )
        self._undo.callback(self._listeners.close)
        self._markers = self._marker_paths()
        self._sentinel = self._start_sentinel()
        self._undo.callback(lambda: self._sentinel.close())  # whichever it is by then
        self.facts = self._collect_facts()

    def _secret(self, kind: str) -> str:
        """Make a secret; attacks may know the form of secrets, but none of them."""
        return self._secrets.setdefault(kind, f"canary-{kind}-{secrets.token_hex(16)}")

    def _file(self, name: str) -> Path:
        return self._folder / name

    def _write_files(self) -> dict[Path, bytes]:
        self.problem = self._file("problem")
        self.problem.mkdir()
        scorer = write_problem(self.problem, self._secret("scorer"))
        for run in ("run", "other-run"):
            self._file(run).mkdir()
        store = self._file("run") / "run.db"
        with contextlib.closing(sqlite3.connect(store)) as database, database:
            database.execute("CREATE TABLE programs (id INTEGER PRIMARY KEY, score REAL, note TEXT)")
            database.execute("INSERT INTO programs VALUES (1, 0.5, ?)", [self._secret("store")])
        plain = {
            self._file("secret.txt"): "file",
            self._file("descriptor.txt"): "descriptor",
            self._home / "id_ed25519": "home",
            self._file("other-run") / "programs.txt": "run",
        }
        for path, kind in plain.items():
            path.write_text(self._secret(kind) + "\n")
        files = [*plain, scorer, store]
        for path in files:
            path.chmod(0o644)
        return {path: path.read_bytes() for path in files}

    def _expose_descriptor(self) -> None:
        fd = os.open(self._file("descriptor.txt"), os.O_RDONLY)
        self._undo.callback(os.close, fd)
        os.set_inheritable(fd, True)

    def _expose_environment(self) -> None:
        self._variable = self._label.replace("-", "_").upper()
        os.environ[self._variable] = self._secret("environment")
        self._undo.callback(os.environ.pop, self._variable, None)

    def _prepare_memory(self) -> None:
        secret = self._secret("memory").encode()
        self._memory = ctypes.create_string_buffer(secret, len(secret))
        self._scratchpad = ctypes.create_string_buffer(16)

    def _marker_paths(self) -> dict[str, Path]:
        folders = {
            "tmp": "/tmp",
            "shm": "/dev/shm",
            "var": "/var/tmp",
            "site": sysconfig.get_path("purelib"),
            "stdlib": sysconfig.get_path("stdlib"),
            "problem": str(self.problem),
            "home": str(self._home),
        }
        return {f"{name}_marker": Path(folder, f"{self._label}.txt") for name, folder in folders.items()}

    def _start_sentinel(self) -> Sentinel:
        variables = {self._variable: self._secret("environment")}
        return Sentinel(variables, self._secret("command"), self._file("descriptor.txt"))

    def _collect_facts(self) -> dict[str, Scalar]:
        handle, kind = _file_handle(self._file("secret.txt"))
        return {
            "label": self._label,
            "secret": str(self._file("secret.txt")),
            "home_secret": str(self._home / "id_ed25519"),
            "scorer": str(self.problem / "score.py"),
            "store": str(self._file("run") / "run.db"),
            "other_run": str(self._file("other-run")),
            "package": str(Path(evolve.__file__).parent),
            "temp_root": tempfile.gettempdir(),
            "variable": self._variable,
            "tcp_port": self._listeners.tcp_port,
            "tcp6_port": self._listeners.tcp6_port,
            "udp_port": self._listeners.udp_port,
            "unix_path": str(self._file("socket")),
            "engine_pid": os.getpid(),
            "sentinel_pid": self._sentinel.pid,
            "memory_address": ctypes.addressof(self._memory),
            "memory_size": len(self._memory),
            "scratchpad_address": ctypes.addressof(self._scratchpad),
            "ipc_key": int(self._label[-6:], 16),
            "handle": handle,
            "handle_kind": kind,
            **{name: str(path) for name, path in self._markers.items()},
        }

    # -- what happened -------------------------------------------------------------------------------

    def leaked(self, data: bytes) -> str:
        """Name the secrets that are part of the data; empty when none is."""
        kinds = [kind for kind, secret in self._secrets.items() if secret.encode() in data]
        return f"secrets leaked: {', '.join(kinds)}" if kinds else ""

    def harm(self) -> str:
        """Say what has changed outside of the sandbox; empty when nothing has."""
        found = [self._sentinel.harm()]
        found += [
            f"{path.name} was changed" for path, content in self._files.items() if _read(path) != content
        ]
        found += [f"a file was left at {path}" for path in self._markers.values() if os.path.lexists(path)]
        found += [f"a knock at the {door} listener" for door in sorted(set(self._listeners.heard()))]
        found += [f"a mount was left: {mount}" for mount in self._own_mounts()]
        if any(self._scratchpad.raw):
            found.append("this process's memory was written")
        if _segment(self.facts["ipc_key"]) >= 0:
            found.append("a shared memory segment was left")
        return "; ".join(filter(None, found))

    def processes(self) -> frozenset[int]:
        """Return the living descendants of this process."""
        return frozenset(_proc.below(os.getpid()))

    def repair(self, expected: frozenset[int]) -> None:
        """Put everything back for the next attack.

        Args:
            expected: Processes that were there before the attack; when there are more now, the others
                are killed.
        """
        self._kill_strays(expected)
        self._put_back()
        self._listeners.forget()
        if self._sentinel.harm():
            self._sentinel.close()
            self._sentinel = self._start_sentinel()
        self.facts = self._collect_facts()  # the sentinel's number and the secret's inode may be new

    def _put_back(self) -> None:
        for path, content in self._files.items():
            if _read(path) != content:
                path.unlink(missing_ok=True)
                path.write_bytes(content)
                path.chmod(0o644)
        self._unmount()  # first: nothing may be removed through a mount
        for path in self._markers.values():
            _remove(path)
        ctypes.memset(self._scratchpad, 0, len(self._scratchpad))
        _remove_ipc(self.facts["ipc_key"], self._label)

    def _own_mounts(self) -> list[str]:
        """Return where attacks have mounted something: they name their folders after this world."""
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        points = {line.split()[4] for line in lines}
        return sorted(point for point in points if f"{self._label}-" in point)

    def _unmount(self) -> None:
        """Take away what attacks have mounted, however often at the same place."""
        for _ in range(20):
            for mount in self._own_mounts():
                with contextlib.suppress(OSError):
                    _kernel.umount(mount, _kernel.MNT_DETACH)

    def _kill_strays(self, expected: frozenset[int]) -> None:
        """Kill until no more are left than there were: a stray may start others meanwhile."""
        end = time.monotonic() + 5
        while len(now := self.processes()) > len(expected) and time.monotonic() < end:
            for pid in now - expected:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for pid in now - expected:
                with contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)
            time.sleep(0.01)

    def _become_subreaper(self) -> None:
        """Let orphaned descendants come back to this process, where they can be seen."""
        before = ctypes.c_int()
        _kernel.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.addressof(before))
        _kernel.prctl(_kernel.PR_SET_CHILD_SUBREAPER, 1)
        self._undo.callback(_kernel.prctl, _kernel.PR_SET_CHILD_SUBREAPER, before.value)


def _home() -> Path:
    home = Path.home()
    return home if os.access(home, os.W_OK) else Path(tempfile.gettempdir())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _remove(path: Path) -> None:
    """Remove a file or an empty folder: never a tree, which a mount may have put there."""
    with contextlib.suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)


def _segment(key: Scalar) -> int:
    return int(ctypes.CDLL(None).shmget(ctypes.c_int(int(key)), ctypes.c_size_t(0), 0))


def _remove_ipc(key: Scalar, label: str) -> None:
    libc = ctypes.CDLL(None)
    if (segment := _segment(key)) >= 0:
        libc.shmctl(segment, _IPC_RMID, None)
    with contextlib.suppress(AttributeError):  # older C libraries keep it elsewhere
        libc.mq_unlink(f"/{label}".encode())


def _file_handle(path: Path) -> tuple[str, int]:
    """Return what open_by_handle_at needs to open a file without its path; empty when not to be had."""
    buffer = ctypes.create_string_buffer(8 + _HANDLE_BYTES)
    ctypes.c_uint.from_buffer(buffer).value = _HANDLE_BYTES
    mount = ctypes.c_int()
    done = ctypes.CDLL(None).name_to_handle_at(_AT_FDCWD, os.fsencode(path), buffer, ctypes.byref(mount), 0)
    if done != 0:
        return "", 0
    size = int.from_bytes(buffer.raw[:4], "little")
    return buffer.raw[8 : 8 + size].hex(), int.from_bytes(buffer.raw[4:8], "little", signed=True)
