from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from evolve.models import CommandSpec, Failure, Message, RawReply
from evolve.models import _command_backend as command_backend
from evolve.models._command_backend import CommandBackend

PROMPT = [Message("user", "grüße 🎈")]


def run(program: str, messages: list[Message] = PROMPT, timeout_s: float = 30) -> RawReply:
    spec = CommandSpec(name="mine", argv=(sys.executable, "-c", program), timeout_s=timeout_s)
    return asyncio.run(CommandBackend().send(messages, spec))


def fail(program: str, timeout_s: float = 30) -> Failure:
    with pytest.raises(Failure) as caught:
        run(program, timeout_s=timeout_s)
    return caught.value


def gone(pid: int) -> bool:
    """Tell whether a process ends within a few seconds."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_the_prompt_goes_in_and_the_answer_comes_out() -> None:
    reply = run("import sys; sys.stdout.write(sys.stdin.read().upper())")
    assert reply == RawReply("GRÜSSE 🎈", 0, 0, "stop")


def test_a_conversation_becomes_one_text() -> None:
    messages = [Message("system", "Be brief."), Message("user", "Why?")]
    assert run("print(open(0).read())", messages).text.strip() == "[system]\nBe brief.\n\n[user]\nWhy?"


def test_the_users_environment_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_SETTING", "seen")
    assert run("import os; print(os.environ['TOY_SETTING'])").text == "seen\n"


def test_a_program_that_reads_nothing_may_answer() -> None:
    assert run("print('x' * 300000)", [Message("user", "y" * 500_000)]).text == "x" * 300_000 + "\n"


def test_an_exit_code_shows_the_end_of_the_complaint() -> None:
    failure = fail("import sys; print('noise ' * 100000, file=sys.stderr); sys.exit('no such luck')")
    assert (failure.kind, failure.used) == ("transient", (0, 0))
    assert failure.text.startswith("mine: exit code 1: ")
    assert "no such luck" in fail("import sys; sys.exit('no such luck')").text


def test_what_cannot_be_started_cannot_be_used() -> None:
    spec = CommandSpec(name="mine", argv=("/nowhere/to/be/found",))
    with pytest.raises(Failure, match="cannot be started") as caught:
        asyncio.run(CommandBackend().send(PROMPT, spec))
    assert caught.value.kind == "model"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks processes up in /proc")
def test_a_timeout_kills_all_that_was_started(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    child = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    program = (
        f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {child!r}]); time.sleep(60)"
    )
    began = time.monotonic()
    failure = fail(program, timeout_s=3)
    assert failure.text == "mine: no answer within 3 s"
    assert time.monotonic() - began < 20
    assert gone(int(note.read_text()))


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks processes up in /proc")
def test_cancelling_kills_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    program = f"import os, time; open({str(note)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    spec = CommandSpec(name="mine", argv=(sys.executable, "-c", program))

    async def go() -> None:
        task = asyncio.create_task(CommandBackend().send(PROMPT, spec))
        while not (note.exists() and note.read_text()):
            await asyncio.to_thread(time.sleep, 0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(go())
    assert gone(int(note.read_text()))


def test_endless_output_is_cut_off() -> None:
    failure = fail("import sys\nwhile True: sys.stdout.write('x' * 65536)")
    assert "huge reply" in failure.text


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks processes up in /proc")
@pytest.mark.parametrize("quiet", [True, False], ids=["pipes closed", "pipes held open"])
def test_what_a_command_leaves_behind_is_ended(tmp_path: Path, quiet: bool) -> None:
    note = tmp_path / "pid"
    child = "import time; time.sleep(60)"
    streams = "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL" if quiet else ""
    program = (
        f"import subprocess, sys; left = subprocess.Popen([sys.executable, '-c', {child!r}], {streams})\n"
        f"open({str(note)!r}, 'w').write(str(left.pid)); print('done')"
    )
    assert run(program).text == "done\n"
    assert gone(int(note.read_text()))


def test_a_command_that_may_not_be_killed_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "killpg", refuse)
    monkeypatch.setattr(subprocess.Popen, "kill", refuse)
    monkeypatch.setattr(command_backend, "_DRAIN_S", 0.1)
    spec = CommandSpec(name="mine", argv=(sys.executable, "-c", "import time; time.sleep(2)"), timeout_s=0.2)

    async def go() -> None:
        with pytest.raises(Failure, match=r"no answer within 0.2 s"):
            await CommandBackend().send(PROMPT, spec)
        await asyncio.sleep(2.2)  # the loop takes note of its end

    asyncio.run(go())
