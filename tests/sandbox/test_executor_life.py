from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from subprocess import PIPE

import pytest

from evolve.errors import ProblemError, SandboxError
from tests.conftest import toy_problem
from tests.sandbox.helpers import LIMITS, POLICIES_HERE, Sandbox, descendants, eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where new executors make their temporary folders."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def zygotes(root: int | None = None) -> list[int]:
    return [pid for pid, command in descendants(root).items() if "sandbox._zygote" in command]


LONG = "import os, time\ndef solve():\n    os.fork()\n    while True: time.sleep(1)"


@pytest.mark.parametrize("policy", POLICIES_HERE)
def test_a_killed_zygote_is_replaced(tmp_path: Path, scratch: Path, policy: str) -> None:
    with Sandbox(toy_problem(tmp_path), policy=policy) as box:
        for pid in zygotes():
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(SandboxError, match=r"zygote stopped answering \(.*\) and was replaced"):
            box.run("def solve(): pass")
        assert box.output("def solve():\n    return 1") == 1
    assert descendants() == {}
    assert list(scratch.iterdir()) == []


def test_a_program_that_kills_its_zygote_changes_nothing(tmp_path: Path) -> None:
    """Without the layer that scopes signals, the zygote dies and is replaced."""
    suicide = "import os\ndef solve():\n    os.kill(os.getppid(), 9)"
    with Sandbox(toy_problem(tmp_path), policy="process") as box:
        if "landlock_scope" in box.layers():
            assert "PermissionError" in box.run(suicide).feedback
        else:
            with pytest.raises(SandboxError, match="was replaced"):
                box.run(suicide)
            assert eventually(lambda: not zygotes())
        assert box.output("def solve():\n    return 1") == 1


@pytest.mark.parametrize("policy", POLICIES_HERE)
def test_cancelling_a_call_ends_its_program(tmp_path: Path, scratch: Path, policy: str) -> None:
    async def cancelled(box: Sandbox) -> None:
        before = len(zygotes())
        task = asyncio.create_task(box.executor.run(LONG, "solve", {}, LIMITS))
        async with asyncio.timeout(10):
            while len(zygotes()) < before + 2:  # noqa: ASYNC110 - the program and the process it forks
                await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with Sandbox(toy_problem(tmp_path), policy=policy) as box:
        box.do(cancelled(box))
        assert eventually(lambda: not zygotes())
        assert [path for path in scratch.glob("*/*") if path.is_dir()] == []
        assert box.output("def solve():\n    return 1") == 1
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("policy", POLICIES_HERE)
def test_nothing_is_left_of_a_closed_executor(tmp_path: Path, scratch: Path, policy: str) -> None:
    with Sandbox(toy_problem(tmp_path), workers=2, policy=policy) as box:
        box.run("def solve():\n    open('file', 'w').close()")
        assert list(scratch.iterdir()) != []
    assert descendants() == {}
    assert list(scratch.iterdir()) == []


def test_a_preload_that_is_missing_is_named(tmp_path: Path, scratch: Path) -> None:
    folder = toy_problem(tmp_path, candidate={"preload": ["json", "no_such_module"]})
    with (
        pytest.raises(
            ProblemError, match=r"problem\.toml: candidate\.preload: module 'no_such_module' cannot be"
        ),
        Sandbox(folder, workers=2),
    ):
        pass
    assert descendants() == {}
    assert list(scratch.iterdir()) == []


# -- a sudden end --------------------------------------------------------------------------------

ENGINE = """
import sys
from pathlib import Path
from tests.sandbox.helpers import Sandbox

with Sandbox(Path(sys.argv[1]), workers=2, policy=sys.argv[2]) as box:
    print("up", flush=True)
    box.run("import os, time\\ndef solve():\\n    os.fork()\\n    while True: time.sleep(1)")
"""


@pytest.mark.parametrize("policy", POLICIES_HERE)
def test_an_engine_that_is_killed_leaves_nothing_behind(tmp_path: Path, policy: str) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    environment = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", ENGINE, str(toy_problem(tmp_path)), policy]
    with subprocess.Popen(command, env=environment, stdout=PIPE) as engine:
        assert engine.stdout is not None
        assert engine.stdout.readline() == b"up\n"
        idle = {"strict": 4, "process": 2}[policy]  # with a guardian each, outside of the namespaces
        assert eventually(lambda: len(zygotes(engine.pid)) == idle + 2)
        assert list(temporary.iterdir()) != []
        family = descendants(engine.pid)
        engine.kill()
    assert eventually(lambda: not family.keys() & descendants(1).keys())
    assert eventually(lambda: list(temporary.iterdir()) == [])


@pytest.mark.parametrize("policy", POLICIES_HERE)
def test_a_program_ends_with_its_zygote(tmp_path: Path, policy: str) -> None:
    async def orphaned(box: Sandbox) -> None:
        before = set(zygotes())
        task = asyncio.create_task(
            box.executor.run("import time\ndef solve(): time.sleep(100)", "solve", {}, LIMITS)
        )
        async with asyncio.timeout(10):
            while not set(zygotes()) - before:  # noqa: ASYNC110 - the program's process
                await asyncio.sleep(0.005)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        with pytest.raises(SandboxError, match="was replaced"):
            await task

    with Sandbox(toy_problem(tmp_path), policy=policy) as box:
        box.do(orphaned(box))
        assert eventually(lambda: not zygotes())
        assert box.output("def solve():\n    return 1") == 1
