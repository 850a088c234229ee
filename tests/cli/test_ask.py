"""`evolve ask`: every command, its answer and its exit code, on a run in progress."""

from __future__ import annotations

import asyncio
import io
import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from evolve.engine import Budget, RunResult, arun
from evolve.store import Mailbox, Reader, is_live
from tests.cli.toy import NASTY, Shell

BETTER = "def solve(n):\n    return 0.875\n"


def until(holds: Callable[[], bool]) -> None:
    """Wait for something that is bound to happen."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Going:
    """A run in a thread of its own."""

    def __init__(self, place: Path) -> None:
        self.folder = place / "runs" / "going"
        self.result: RunResult | None = None
        self._thread = threading.Thread(target=self._run, args=(place,))
        self._thread.start()
        until(lambda: is_live(self.folder) and Mailbox(self.folder).pulse() is not None)
        until(lambda: self.committed() > 3)

    def _run(self, place: Path) -> None:
        budget = Budget(max_evals=1_000_000)
        begun = arun(place / "toy", budget=budget, runs=place / "runs", run_id="going", sandbox="process")
        self.result = asyncio.run(begun)

    def committed(self) -> int:
        with Reader(self.folder) as reader:
            return reader.committed()

    def end(self) -> None:
        if is_live(self.folder):
            Mailbox(self.folder).ask("stop")
        self._thread.join()


@pytest.fixture
def going(place: Path) -> Iterator[Going]:
    run = Going(place)
    yield run
    run.end()


def test_a_whole_life(shell: Shell, going: Going, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "better.py").write_text(BETTER)
    said = shell("ask", "going", "inject", "better.py", "--note", NASTY)
    assert (said.code, said.out.startswith("done: it becomes program ")) == (0, True)
    program = int(said.out.split()[-1])
    until(lambda: going.committed() >= program)
    assert "injected" in shell("show", "going", program).out
    assert "\x1b" not in shell("show", "going", program).out

    assert (
        shell("ask", "going", "pin", program).out
        == f"done: program {program} stays a possible parent on all islands\n"
    )
    again = shell("ask", "going", "pin", program, "--json")
    facts = json.loads(again.out)
    assert (again.code, facts["status"], facts["kind"]) == (1, "refused", "pin")
    assert facts["answer"] == f"program {program} is pinned already"
    assert shell("ask", "going", "unpin", program).code == 0
    assert shell("ask", "going", "ban", program).code == 0
    assert shell("ask", "going", "ban", program).code == 1
    assert shell("ask", "going", "unban", program).code == 0

    assert shell("ask", "going", "workers", 1).out == "done: 1 programs may be evaluated at once, 2 before\n"
    grown = shell("ask", "going", "workers", 3)
    assert (grown.code, grown.out) == (0, "done: 3 programs may be evaluated at once, 1 before\n")
    pulse = Mailbox(going.folder).pulse()
    assert pulse is not None

    assert shell("ask", "going", "pause").out == "done: paused; what is in flight is finished first\n"
    assert shell("ask", "going", "resume").out == "done: the run goes on\n"
    assert shell("ask", "going", "resume").code == 1

    exported = shell("ask", "going", "export", program, "-o", "out")
    assert (exported.code, (place / "out" / "program.py").exists()) == (0, True), exported.out
    assert BETTER.splitlines()[1] in (place / "out" / "program.py").read_text()

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"no python at all (")))
    wrong = shell("ask", "going", "inject", "-")
    number = int(wrong.out.split()[-1])
    until(lambda: going.committed() >= number)
    assert "refused" in shell("show", "going", number).out

    waiting = shell("ask", "going", "stop", "--no-wait")
    assert (waiting.code, waiting.out.startswith("request ")) == (0, True)
    until(lambda: not is_live(going.folder))
    going.end()
    assert going.result is not None
    assert going.result.reason == "interrupted"
    late = shell("ask", "going", "pause")
    assert late.code == 2
    assert "is not in progress, so nobody would answer" in late.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("nowhere", "pause"), "there is no such folder and no such run"),
        (("done", "pause"), "is not in progress"),
        (("done", "inject", "missing.py"), "missing.py: cannot be read"),
        (("done", "inject", "toy"), "toy: cannot be read"),
        (("done", "inject", "latin.py"), "must be UTF-8 text"),
        (("done", "inject", "empty.py"), "inject: text: "),
        (("done", "workers", "0"), "Invalid value for 'N'"),
        (("done", "ban", "none"), "Invalid value for 'PROGRAM'"),
        (("done", "fly"), "fly"),
    ],
)
def test_what_cannot_be_asked_is_a_user_error(
    shell: Shell, done: Path, place: Path, arguments: tuple[str, ...], said: str
) -> None:
    (place / "latin.py").write_bytes(b"# \xe9\n")
    (place / "empty.py").write_text("")
    found = shell("ask", *arguments)
    assert (found.code, said in found.err) == (2, True), found.err
    assert not (done / "requests.db").exists()


def test_help_teaches(shell: Shell) -> None:
    assert "evolve ask last inject better.py" in shell("ask", "--help").out
    for command in ("pause", "workers", "inject", "pin", "ban", "export"):
        text = shell("ask", "last", command, "--help").out
        assert len(text.splitlines()) > 8
