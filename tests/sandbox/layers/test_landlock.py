from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from evolve.sandbox.layers import _landlock, _privileges
from tests.sandbox.helpers import LINUX, in_child, refusal

ABI = _landlock.abi() if LINUX else 0
pytestmark = pytest.mark.skipif(ABI == 0, reason="the kernel has no Landlock")
VERSIONS = range(1, min(ABI, 6) + 1)


def since(version: int) -> pytest.MarkDecorator:
    return pytest.mark.skipif(version > ABI, reason=f"needs Landlock's ABI {version}")


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Three folders with a file each: `shown`, `scratch` and `secret`."""
    for name in ("shown", "scratch", "secret"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    return tmp_path


def confined(world: Path, works: dict[str, Callable[[], object]], version: int = ABI) -> dict[str, str]:
    """Return what each call ends with in a process that may read `shown` and write `scratch`."""

    def work() -> dict[str, str]:
        _privileges.forbid_new_privileges()
        _landlock.apply(version, [str(world / "shown"), str(world / "nothing")], [str(world / "scratch")])
        return {name: refusal(call) for name, call in works.items()}

    return in_child(work)


@pytest.mark.parametrize("version", VERSIONS)
def test_files_outside_of_the_allow_list_are_refused(world: Path, version: int) -> None:
    shown, scratch, secret = (world / name for name in ("shown", "scratch", "secret"))
    allowed: dict[str, Callable[[], object]] = {
        "read shown": (shown / "file").read_text,
        "list shown": lambda: os.listdir(shown),
        "read scratch": (scratch / "file").read_text,
        "write scratch": lambda: (scratch / "new").write_text("x"),
        "make a folder": lambda: os.mkdir(scratch / "folder"),
        "make a link": lambda: os.symlink("/", scratch / "link"),
        "truncate scratch": lambda: os.truncate(scratch / "file", 0),
        "remove": lambda: os.unlink(scratch / "file"),
    }
    refused: dict[str, Callable[[], object]] = {
        "read secret": (secret / "file").read_text,
        "list secret": lambda: os.listdir(secret),
        "list the parent": lambda: os.listdir(world),
        "write secret": lambda: (secret / "file").write_text("x"),
        "create": lambda: (secret / "new").write_text("x"),
        "write shown": lambda: (shown / "file").write_text("x"),
        "append to shown": lambda: os.open(shown / "file", os.O_APPEND | os.O_WRONLY),
        "create in shown": lambda: (shown / "new").write_text("x"),
        "remove from shown": lambda: os.unlink(shown / "file"),
        "a folder in shown": lambda: os.mkdir(shown / "folder"),
        "by a link": (scratch / "link" / str(secret / "file").lstrip("/")).read_text,
    }
    found = confined(world, allowed | refused, version)
    assert {name for name in allowed if found[name]} == set()
    assert {found[name] for name in refused} == {"EACCES"}, found


def test_nothing_can_be_moved_or_linked_across(world: Path) -> None:
    shown, scratch, secret = (world / name / "file" for name in ("shown", "scratch", "secret"))
    found = confined(
        world,
        {
            "rename out": lambda: os.rename(scratch, secret.parent / "new"),
            "rename in": lambda: os.rename(secret, scratch.parent / "new"),
            "link out": lambda: os.link(scratch, secret.parent / "new"),
            "link in": lambda: os.link(secret, scratch.parent / "new"),
            "link shown": lambda: os.link(shown, scratch.parent / "new"),
        },
    )
    assert set(found.values()) <= {"EACCES", "EXDEV"}, found


@since(3)
def test_truncating_is_writing(world: Path) -> None:
    found = confined(
        world,
        {
            "secret": lambda: os.truncate(world / "secret" / "file", 0),
            "shown": lambda: os.truncate(world / "shown" / "file", 0),
        },
    )
    assert set(found.values()) == {"EACCES"}


def test_devices_cannot_be_made(world: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make devices at all")
    path = world / "scratch" / "device"
    assert confined(world, {"": lambda: os.mknod(path, 0o020600, os.makedev(1, 3))}) == {"": "EACCES"}


@since(4)
def test_tcp_is_refused(world: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        found = confined(
            world,
            {
                "connect": lambda: socket.create_connection(server.getsockname()),
                "bind": lambda: socket.create_server(("127.0.0.1", 0)),
            },
        )
    assert set(found.values()) == {"EACCES"}


@since(6)
def test_signals_and_abstract_sockets_of_others_are_out_of_reach(world: Path) -> None:
    parent = os.getpid()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(f"\0evolve-test-{parent}")
        server.listen()

        def connect() -> None:
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(server.getsockname())

        found = confined(
            world,
            {
                "signal": lambda: os.kill(parent, 0),
                "a real one": lambda: os.kill(parent, signal.SIGCONT),
                "socket": connect,
                "itself": lambda: os.kill(os.getpid(), 0),
            },
        )
    assert found == {"signal": "EPERM", "a real one": "EPERM", "socket": "EPERM", "itself": ""}


@since(6)
def test_a_version_from_the_future_is_used_as_far_as_it_is_known(world: Path) -> None:
    found = confined(
        world,
        {"secret": (world / "secret" / "file").read_text, "shown": (world / "shown" / "file").read_text},
        version=ABI + 50,
    )
    assert found == {"secret": "EACCES", "shown": ""}


@pytest.mark.parametrize(
    ("version", "names"),
    [
        (0, []),
        (1, ["landlock_files"]),
        (3, ["landlock_files"]),
        (4, ["landlock_files", "landlock_tcp"]),
        (99, ["landlock_files", "landlock_tcp", "landlock_scope"]),
    ],
)
def test_only_what_a_version_offers_is_claimed(version: int, names: list[str]) -> None:
    assert _landlock.layers(version) == names
