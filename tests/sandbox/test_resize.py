"""The number of workers changes while they work, and nothing that runs is ended."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from evolve.errors import SandboxError
from evolve.sandbox import Resizable, decode
from evolve.sandbox._zygote_client import Zygote
from tests.conftest import toy_problem
from tests.sandbox.helpers import LIMITS, Sandbox, descendants, eventually

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

WAITING = "import time\ndef solve():\n    time.sleep(0.4)\n    return 7"


def helpers(kind: str) -> int:
    return sum(f"sandbox._{kind}" in command for command in descendants().values())


def idle() -> tuple[int, int]:
    """Return how many processes of each kind there are; a zygote may have a guardian."""
    return helpers("zygote"), helpers("scorer")


def test_more_and_fewer_workers_while_programs_run(tmp_path: Path) -> None:
    async def life(box: Sandbox) -> None:
        executor = box.executor
        one = idle()
        await executor.resize(3)
        three = idle()
        assert three == (3 * one[0], 3)
        running = [asyncio.create_task(executor.run(WAITING, "solve", {}, LIMITS)) for _ in range(3)]
        await asyncio.sleep(0)
        await executor.resize(1)
        assert len([helper for helper in executor._all if isinstance(helper, Zygote)]) == 3, "busy ones stay"
        await executor.resize(2)
        for result in await asyncio.gather(*running):
            assert (result.status, decode(result.output)) == ("ok", 7)
        assert len(executor._all) == 4
        await asyncio.gather(*executor._ending)
        assert idle() == (2 * one[0], 2)
        await executor.resize(1)
        output = (await executor.run(WAITING, "solve", {}, LIMITS)).output
        score = await executor.score(output, {}, artifact=False, timeout_s=10.0)
        assert score.status == "valid"

    with Sandbox(toy_problem(tmp_path), policy="process") as box:
        assert isinstance(box.executor, Resizable)
        box.do(life(box))
    assert eventually(lambda: not descendants())


def test_workers_that_cannot_be_started_leave_it_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Sandbox(toy_problem(tmp_path), policy="process") as box:
        before = idle()

        async def refuse(_: Zygote) -> None:
            raise SandboxError("no process can be started")

        with monkeypatch.context() as patch:
            patch.setattr(Zygote, "ensure", refuse)
            with pytest.raises(SandboxError, match="no process can be started"):
                box.do(box.executor.resize(3))
        assert eventually(lambda: idle() == before)
        assert box.output("def solve():\n    return 1") == 1
    assert eventually(lambda: not descendants())
