from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from evolve.sandbox.layers import _delegation
from evolve.sandbox.layers._delegation import Subtree, claim
from tests.sandbox.helpers import LINUX
from tests.sandbox.layers.cgroup_tree import ENGINE, Tree

pytestmark = pytest.mark.skipif(not LINUX, reason="needs Linux")

CHILD, SHELL = 999_001, 999_002
Plant = Callable[..., Tree]


@pytest.fixture
def plant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plant:
    def made(**where: str) -> Tree:
        tree = Tree(tmp_path / "root", **where)
        monkeypatch.setattr(_delegation, "os", tree)
        return tree

    return made


def lack(tree: Tree) -> str:
    found = claim(str(tree.root))
    assert found == Subtree(lack=found.lack)
    return found.lack


# -- what is lacking -----------------------------------------------------------------------------


def test_a_system_without_cgroups(tmp_path: Path) -> None:
    assert claim(str(tmp_path)) == Subtree(lack="this system has no cgroups")


def test_version_1_alone(plant: Plant) -> None:
    tree = plant()
    (tree.root / "proc/self/cgroup").write_text("8:pids:/\n4:memory:/unit\n1:name=systemd:/unit\n")
    assert lack(tree) == "this process is in no cgroup of version 2 that is mounted here"


@pytest.mark.parametrize("where", [{"own": "/../unit"}, {"top": "/other"}], ids=["above", "beside"])
def test_a_cgroup_that_is_not_shown(plant: Plant, where: dict[str, str]) -> None:
    tree = plant(**where)
    tree.cgroup("unit", [ENGINE])
    assert lack(tree) == "this process is in no cgroup of version 2 that is mounted here"


def test_both_versions_with_the_controllers_in_the_first(plant: Plant) -> None:
    tree = plant(own="/")
    tree.cgroup("", [ENGINE], offered="hugetlb pids")
    assert lack(tree) == "cgroup v2 has no controller memory here"


@pytest.mark.parametrize("file", ["unit", "cgroup.procs", "cgroup.subtree_control"])
def test_a_cgroup_that_is_not_delegated(plant: Plant, file: str) -> None:
    tree = plant()
    unit = tree.cgroup("user/unit", [ENGINE])
    tree.refused[file] = errno.EACCES
    assert lack(tree) == "the cgroup of this process is not delegated to its user"
    assert tree.members(unit) == [ENGINE]


@pytest.mark.parametrize(("user", "mark", "delegated"), [(0, b"", False), (0, b"1", True), (1000, b"", True)])
def test_root_needs_the_mark_of_systemd(
    plant: Plant, monkeypatch: pytest.MonkeyPatch, user: int, mark: bytes, delegated: bool
) -> None:
    tree = plant(own="/system/some.service")
    unit = tree.cgroup("system/some.service", [ENGINE])
    monkeypatch.setattr(tree, "geteuid", lambda: user, raising=False)
    monkeypatch.setattr(
        tree, "getxattr", lambda _path, name: name == "trusted.delegate" and mark, raising=False
    )
    assert claim(str(tree.root)).path == (str(unit) if delegated else "")


def test_root_needs_a_mark_that_can_be_read(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = plant(own="/some.scope")
    tree.cgroup("some.scope", [ENGINE])
    monkeypatch.setattr(tree, "geteuid", lambda: 0, raising=False)
    assert lack(tree) == "the cgroup of this process is not delegated to its user"


@pytest.mark.parametrize("other", [SHELL, 0], ids=["a shell", "of another pid namespace"])
def test_a_cgroup_with_processes_of_others(plant: Plant, other: int) -> None:
    tree = plant()
    tree.process(SHELL, 1)
    unit = tree.cgroup("user/unit", [ENGINE, other])
    assert lack(tree) == "other processes are in the cgroup of this one"
    assert tree.members(unit) == [ENGINE, other]
    assert not (unit / _delegation.ENGINE).exists()


@pytest.mark.parametrize("file", ["cgroup.procs", "cgroup.subtree_control"])
def test_what_the_kernel_refuses_is_said(plant: Plant, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    tree = plant()
    tree.cgroup("user/unit", [ENGINE])
    tree.refused[file] = errno.EBUSY
    monkeypatch.setattr(tree, "access", lambda *_: True)
    assert lack(tree).startswith("the kernel refuses it: [Errno 16]")


# -- what is there -------------------------------------------------------------------------------


def test_a_delegated_cgroup_is_made_ready(plant: Plant) -> None:
    tree = plant()
    tree.process(CHILD, ENGINE)
    unit = tree.cgroup("user/unit", [ENGINE, CHILD])
    found = claim(str(tree.root))
    assert (found.path, found.lack) == (str(unit), "")
    assert found.prefix.startswith(f"evolve.{ENGINE}.")
    assert tree.members(unit) == []
    assert tree.members(unit / _delegation.ENGINE) == [ENGINE, CHILD]
    assert (unit / "cgroup.subtree_control").read_text() == "+memory +pids"


def test_it_is_found_where_only_a_part_of_the_tree_is_shown(plant: Plant) -> None:
    tree = plant(own="/container/unit", top="/container")
    unit = tree.cgroup("unit", [ENGINE])
    assert claim(str(tree.root)).path == str(unit)


def test_a_second_engine_finds_what_the_first_has_made_ready(plant: Plant) -> None:
    tree = plant(own=f"/user/unit/{_delegation.ENGINE}")
    unit = tree.cgroup("user/unit")
    (unit / "cgroup.subtree_control").write_text("memory pids\n")
    tree.cgroup(f"user/unit/{_delegation.ENGINE}", [ENGINE, SHELL])
    tree.refused["cgroup.subtree_control"] = errno.EBUSY
    tree.access = lambda *_: True  # type: ignore[method-assign]
    first, second = claim(str(tree.root)), claim(str(tree.root))
    assert first.path == second.path == str(unit)
    assert first.prefix != second.prefix
    assert tree.members(unit / _delegation.ENGINE) == [ENGINE, SHELL]


def test_nobody_is_moved_out_of_the_root_of_all(plant: Plant) -> None:
    tree = plant(own="/")
    top = tree.cgroup("", [1, SHELL, ENGINE])
    (top / "cgroup.type").unlink()
    before = (top / "cgroup.subtree_control").read_text()
    assert "the whole machine's" in claim(str(tree.root)).lack
    assert (top / "cgroup.subtree_control").read_text() == before
    (top / "cgroup.subtree_control").write_text("memory pids")
    assert claim(str(tree.root)).path == str(top)
    assert tree.members(top) == [1, SHELL, ENGINE]


# -- what is left --------------------------------------------------------------------------------


def test_what_a_dead_engine_has_left_is_removed(plant: Plant) -> None:
    tree = plant()
    unit = tree.cgroup("user/unit", [ENGINE])
    tree.process(SHELL, 1)
    kept = {f"evolve.{SHELL}.a.1", "evolve.999003.full", "evolved", "session.scope"}
    for name in (*kept, "evolve.999003.a.1", "evolve.999003.a.2"):
        tree.cgroup(f"user/unit/{name}", [4] if "full" in name else [])
    assert claim(str(tree.root)).path == str(unit)
    assert {path.name for path in unit.iterdir() if path.is_dir()} == kept | {_delegation.ENGINE}


def test_an_engine_removes_what_its_own_zygotes_have_left(plant: Plant) -> None:
    tree = plant()
    unit = tree.cgroup("user/unit")
    for name in ("evolve.5.mine.a", "evolve.5.other.a"):
        tree.cgroup(f"user/unit/{name}")
    Subtree(str(unit), "evolve.5.mine.").tidy()
    assert [path.name for path in unit.iterdir() if path.is_dir()] == ["evolve.5.other.a"]
    Subtree(str(unit / "gone"), "evolve.5.mine.").tidy()
    Subtree().tidy()
