from __future__ import annotations

import errno
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.sandbox import Limits, _executor
from evolve.sandbox._ceiling import Ceiling
from evolve.sandbox.layers import _cgroup
from evolve.sandbox.layers._cgroup import Cgroups
from evolve.sandbox.layers._delegation import Subtree
from evolve.sandbox.layers._memory import FIRST_LOOK_S, PERIOD_S, MemoryWatch
from tests.conftest import toy_problem
from tests.sandbox.helpers import LINUX, Sandbox, body, needs_namespaces
from tests.sandbox.layers.cgroup_tree import Tree

pytestmark = pytest.mark.skipif(not LINUX, reason="needs Linux")

LIMITS = Limits(wall_s=10, memory_mb=256, processes=16, scratch_mb=32)
PROGRAM = 999_001
MIB = 2**20


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tree:
    tree = Tree(tmp_path / "root")
    monkeypatch.setattr(_cgroup, "os", tree)
    return tree


@pytest.fixture
def cgroups(tree: Tree) -> Cgroups:
    return Cgroups(str(tree.mounted), "evolve.1.x.")


def folders(tree: Tree) -> list[Path]:
    return [path for path in tree.mounted.iterdir() if path.is_dir()]


# -- one cgroup ----------------------------------------------------------------------------------


def test_a_program_gets_its_limits(tree: Tree, cgroups: Cgroups) -> None:
    cgroups.take(LIMITS).join(PROGRAM)
    (made,) = folders(tree)
    assert made.name.startswith("evolve.1.x.")
    values = {name: (made / name).read_text() for name in ("memory.oom.group", "memory.swap.max", "pids.max")}
    assert values == {"memory.oom.group": "1", "memory.swap.max": "0", "pids.max": "16"}
    assert tree.members(made) == [PROGRAM]
    kernel = 256 / 256 + 16 / 2
    ceiling = int((made / "memory.max").read_text()) / MIB
    assert ceiling == pytest.approx(256 + 32 + kernel + cgroups._loaded_mib)
    assert 1 < cgroups._loaded_mib < 1000


def test_no_limit_is_too_large_to_be_written(tree: Tree, cgroups: Cgroups) -> None:
    cgroups.take(Limits(scratch_mb=1e300))
    assert int((folders(tree)[0] / "memory.max").read_text()) == 2**60


def test_a_kernel_without_swap_is_enough(tree: Tree, cgroups: Cgroups) -> None:
    tree.absent.add("memory.swap.max")
    cgroups.take(LIMITS)
    assert len(folders(tree)) == 1


@pytest.mark.parametrize("file", ["memory.max", "memory.oom.group", "pids.max"])
def test_without_all_limits_it_fails(tree: Tree, cgroups: Cgroups, file: str) -> None:
    tree.absent.add(file)
    with pytest.raises(FileNotFoundError):
        cgroups.take(LIMITS)
    cgroups.close()
    assert folders(tree) == []


@pytest.mark.parametrize(
    ("events", "answer"),
    [
        ("low 0\nhigh 0\nmax 12\noom 1\noom_kill 3\noom_group_kill 1\n", True),
        ("low 0\nhigh 0\nmax 12\noom 0\noom_kill 0\n", False),
        ("low 0\nhigh 0\nmax 0\noom 0\noom_kill 2\n", False),  # the machine's memory was used up, not its own
        ("max 3\noom 1\noom_kill 0\n", False),  # refused, and the program went on
        (None, False),
    ],
    ids=["killed", "held", "killed for others", "refused", "unknown"],
)
def test_a_kill_for_memory_is_told(tree: Tree, cgroups: Cgroups, events: str | None, answer: bool) -> None:
    cgroup = cgroups.take(LIMITS)
    if events is not None:
        (folders(tree)[0] / "memory.events").write_text(events)
    assert cgroup.overflowed() is answer


def test_kills_are_counted_from_the_last_time_on(tree: Tree, cgroups: Cgroups) -> None:
    cgroup = cgroups.take(LIMITS)
    (made,) = folders(tree)
    answers = []
    for oom, kills in ((1, 2), (1, 2), (1, 3), (2, 5)):
        (made / "memory.events").write_text(f"oom {oom}\noom_kill {kills}\n")
        answers.append(cgroup.overflowed())
    assert answers == [True, False, False, True]


def test_a_cgroup_is_used_again_with_the_limits_of_the_next(tree: Tree, cgroups: Cgroups) -> None:
    first = cgroups.take(LIMITS)
    (made,) = folders(tree)
    (made / "pids.max").write_text("untouched")
    assert cgroups.take(LIMITS) is first
    assert (made / "pids.max").read_text() == "untouched"  # as the limits are the same
    assert cgroups.take(replace(LIMITS, processes=3)) is first
    assert (made / "pids.max").read_text().startswith("3")


@pytest.mark.parametrize(
    ("file", "value"),
    [("pids.current", "1"), ("memory.current", str(9 * MIB)), ("memory.current", "")],
    ids=["a process", "memory", "nothing to be read"],
)
def test_one_that_is_not_as_new_is_replaced(tree: Tree, cgroups: Cgroups, file: str, value: str) -> None:
    first = cgroups.take(LIMITS)
    (old,) = folders(tree)
    (old / file).write_text(value)
    tree.busy.add(old.name)
    assert cgroups.take(LIMITS) is not first
    assert len(folders(tree)) == 2
    tree.busy.clear()
    cgroups.close()
    assert folders(tree) == []


# -- a cgroup, else the watch --------------------------------------------------------------------


class Watch(MemoryWatch):
    """Finds as much as it is told to."""

    def __init__(self, found_mb: float) -> None:
        self.found_mb = found_mb

    def exceeds(self, limit_mb: float) -> bool:
        return self.found_mb > limit_mb


def watches(ceiling: Ceiling) -> bool:
    """Tell whether the watch is in force, as a zygote would see it."""
    looks = [ceiling.next_look_s(), ceiling.next_look_s()]
    assert looks in ([FIRST_LOOK_S, PERIOD_S], [math.inf] * 2)
    assert ceiling.is_exceeded() == (looks[0] < math.inf)
    return looks[0] < math.inf


def is_open(gate: int) -> bool:
    os.set_blocking(gate, False)
    try:
        return os.read(gate, 2) == b"!"
    except BlockingIOError:
        return False
    finally:
        os.close(gate)


def test_with_a_cgroup_nobody_watches(tree: Tree, cgroups: Cgroups) -> None:
    ceiling = Ceiling(Watch(300), cgroups)
    assert ceiling.layers() == ["process_ceiling", "memory_ceiling", "cgroup"]
    gate = ceiling.begin(LIMITS)
    assert gate is not None
    ceiling.admit(PROGRAM)
    assert is_open(gate)
    assert not watches(ceiling)
    (made,) = folders(tree)
    assert tree.members(made) == [PROGRAM]
    (made / "memory.events").write_text("oom 1\noom_kill 1\n")
    ceiling.kill()
    assert tree.members(made) == []
    assert ceiling.end() is True
    assert ceiling.end() is False
    ceiling.close()
    assert folders(tree) == []


def test_a_child_is_held_back_until_it_is_admitted(cgroups: Cgroups) -> None:
    gate = Ceiling(None, cgroups).begin(LIMITS)
    assert gate is not None
    assert not is_open(gate)


def test_a_child_that_never_came_leaves_no_pipe_open(cgroups: Cgroups) -> None:
    ceiling = Ceiling(None, cgroups)
    gate = ceiling.begin(LIMITS)
    assert gate is not None
    assert ceiling.end() is False
    os.set_blocking(gate, False)
    assert os.read(gate, 1) == b""  # nobody holds the other end
    os.close(gate)
    assert ceiling.begin(LIMITS) == gate


@pytest.mark.parametrize(
    ("file", "code"), [("pids.max", errno.EINVAL), ("cgroup.procs", errno.EBUSY)], ids=["limit", "join"]
)
def test_a_cgroup_that_fails_is_replaced_by_the_watch(
    tree: Tree, cgroups: Cgroups, file: str, code: int
) -> None:
    tree.refused[file] = code
    ceiling = Ceiling(Watch(300), cgroups)
    gate = ceiling.begin(LIMITS)
    ceiling.admit(PROGRAM)
    assert gate is None or is_open(gate)
    assert ceiling.layers() == ["memory_ceiling"]
    assert watches(ceiling)
    ceiling.kill()
    assert ceiling.end() is False
    assert folders(tree) == []
    tree.refused.clear()
    assert ceiling.begin(LIMITS) is None  # it is not tried again
    assert watches(ceiling)


def test_a_child_that_has_ended_is_no_failure_of_the_cgroup(tree: Tree, cgroups: Cgroups) -> None:
    tree.refused["cgroup.procs"] = errno.ESRCH
    ceiling = Ceiling(None, cgroups)
    gate = ceiling.begin(LIMITS)
    assert gate is not None
    os.close(gate)  # as its end does
    ceiling.admit(PROGRAM)
    assert "cgroup" in ceiling.layers()


def test_without_both_there_is_no_ceiling() -> None:
    ceiling = Ceiling(None, None)
    assert (ceiling.layers(), ceiling.begin(LIMITS), ceiling.next_look_s()) == ([], None, math.inf)
    ceiling.admit(PROGRAM)
    ceiling.kill()
    assert (ceiling.is_exceeded(), ceiling.end()) == (False, False)


# -- in a sandbox --------------------------------------------------------------------------------


@needs_namespaces
def test_a_program_runs_where_the_cgroup_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder like any other is taken for a cgroup: it can be made, and has no limits to set."""
    taken = tmp_path / "taken"
    taken.mkdir()
    monkeypatch.setattr(_executor, "claim", lambda: Subtree(str(taken), "evolve.1.x."))
    with Sandbox(toy_problem(tmp_path)) as box:
        (zygote,) = [helper for helper in box.executor._all if hasattr(helper, "_layers")]
        assert "cgroup" in zygote._layers  # as it thought
        for _ in range(2):
            result = box.run("def solve():\n    return 1")
            assert result.status == "ok"
            assert "cgroup" not in result.layers
            assert {"memory_ceiling", "process_ceiling"} <= set(result.layers)
    assert list(taken.iterdir()) == []


@needs_namespaces
def test_nothing_of_cgroups_is_in_force_where_there_are_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_executor, "claim", Subtree)
    with Sandbox(toy_problem(tmp_path)) as box:
        assert "cgroup" not in box.layers()


HOG = body(
    """
    import os, time
    for _ in range(4):
        if os.fork() == 0:
            kept = bytearray(50_000_000)
            time.sleep(60)
    time.sleep(60)
    """
)
CROWD = body(
    """
    import os, time
    started = 0
    try:
        for _ in range(20):
            if os.fork() == 0: time.sleep(60)
            started += 1
    except BlockingIOError: return started
    """
)
IN_CGROUP = """
import json, os, sys
from pathlib import Path
from evolve.sandbox import Limits, decode
from tests.sandbox.helpers import Sandbox

folder, problem, policy, hog, crowd = sys.argv[1:]
Path(folder, "cgroup.procs").write_text(str(os.getpid()))
with Sandbox(Path(problem), policy=policy) as box:
    first = box.run("def solve(): return 1", Limits(wall_s=60))
    large = box.run(hog, Limits(wall_s=50, memory_mb=100, scratch_mb=1))
    after = box.run(crowd, Limits(wall_s=60, processes=5))
left = [name for name in os.listdir(folder) if name.startswith("evolve.")]
print(json.dumps({
    "layers": [first.layers, large.layers, after.layers],
    "large": [large.status, large.feedback],
    "crowd": decode(after.output),
    "left": left,
}))
"""


@pytest.fixture
def real_cgroup() -> Iterator[Path]:
    """A cgroup of the real tree's top, as a service manager would make one for an engine."""
    top = Path("/sys/fs/cgroup")
    folder = top / f"evolve-test-{os.getpid()}"
    try:
        enabled = (top / "cgroup.subtree_control").read_text().split()
        if not {"memory", "pids"} <= set(enabled):
            raise OSError("they are not handed on")
        folder.mkdir()
    except OSError as error:
        pytest.skip(f"needs cgroup v2 with memory and pids, and the right to use them: {error}")
    yield folder
    for path in (*folder.glob("evolve*"), folder):
        path.rmdir()


@pytest.mark.parametrize("policy", [pytest.param("strict", marks=needs_namespaces), "process"])
def test_the_kernel_keeps_the_ceilings(real_cgroup: Path, tmp_path: Path, policy: str) -> None:
    command = [
        sys.executable,
        "-c",
        IN_CGROUP,
        str(real_cgroup),
        str(toy_problem(tmp_path)),
        policy,
        HOG,
        CROWD,
    ]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    if policy == "process" and "landlock_files" not in said["layers"][0]:
        pytest.skip("needs the layer landlock_files")
    assert all("cgroup" in layers for layers in said["layers"])
    assert said["large"] == ["memory", "stopped: the program and its processes took more than 100 MiB"]
    assert said["crowd"] == 4
    assert said["left"] == []
