from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from evolve.pipeline import Evaluation, Pipeline
from evolve.problem import load_problem
from evolve.sandbox import Command, CommandResult, Limits, LocalExecutor
from tests.conftest import toy_problem

needs_compiler = pytest.mark.skipif(
    shutil.which("cc", path="/usr/local/bin:/usr/bin:/bin") is None, reason="needs a C compiler"
)
TREACHERY = """
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
int main(void) {
    FILE *file = fopen("/etc/passwd", "r");
    FILE *made = fopen("/usr/bin/x", "w");
    printf("%d %d %d\\n", file != NULL, socket(AF_INET, SOCK_STREAM, 0) >= 0, made != NULL);
    return 0;
}
"""


@needs_compiler
def test_a_program_in_c_is_compiled_run_and_scored() -> None:
    problem = load_problem("c_speed", {"n": 500})
    seed = problem.seeds[0][1]
    texts = [
        seed,
        seed.replace("<= 10", "< 10"),
        "int main(void) { return x; }",
        "int main(void) { return 3; }",
    ]

    async def everything() -> list[Evaluation]:
        async with LocalExecutor(problem, workers=1) as executor:
            pipeline = Pipeline(problem, executor)
            return [await pipeline.evaluate(text) for text in texts]

    good, wrong, faulty, failing = asyncio.run(everything())
    assert good.status == "valid"
    assert good.objective is not None
    assert 0 < good.objective < 1000
    assert len(good.cases["cpu_ms"]) == 3
    assert (wrong.status, "but there are" in wrong.feedback) == ("invalid", True)
    assert faulty.status == "failed"
    assert faulty.feedback.startswith("the program does not compile: cc ended with exit status 1\n")
    assert "./program ended with exit status 3" in failing.feedback


def commands(tmp_path: Path, *orders: Command, wall_s: float = 10.0) -> list[CommandResult]:
    problem = load_problem(toy_problem(tmp_path))

    async def run() -> list[CommandResult]:
        async with LocalExecutor(problem, workers=1) as executor:
            return [await executor.command(order, Limits(wall_s=wall_s)) for order in orders]

    return asyncio.run(run())


@needs_compiler
def test_a_command_reaches_no_further_than_any_program(tmp_path: Path) -> None:
    build = Command(("cc", "-o", "it", "it.c"), {"it.c": TREACHERY.encode()}, collect=("it",))
    (built,) = commands(tmp_path, build)
    assert built.status == "ok"
    (found,) = commands(tmp_path, Command(("./it",), built.files, ("it",)))
    assert (found.status, found.stdout) == ("ok", b"0 0 0\n")
    assert "seccomp" in found.layers


def test_a_command_gets_its_input_and_nothing_of_the_one_before(tmp_path: Path) -> None:
    write = Command(("sh", "-c", "cat > kept; cat kept; (sleep 60 &) ; echo done"), {}, stdin=b"text\n")
    look = Command(("sh", "-c", "ls"), {})
    first, second = commands(tmp_path, write, look)
    assert first.stdout == b"text\ndone\n"
    assert first.wall_s < 30, "what it leaves behind is not waited for"
    assert second.stdout == b""


def test_commands_that_go_wrong_say_how(tmp_path: Path) -> None:
    missing, loud, signalled = commands(
        tmp_path,
        Command(("no_such_tool",), {}),
        Command(("sh", "-c", "yes"), {}),
        Command(("sh", "-c", "echo why >&2; kill -9 $$"), {}),
    )
    assert (missing.status, "the tool 'no_such_tool' is in none of" in missing.feedback) == ("failed", True)
    assert (loud.status, "printed more than" in loud.feedback) == ("failed", True)
    assert (signalled.feedback, signalled.stderr) == ("sh ended with killed by signal 9", b"why\n")


def test_a_command_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    (found,) = commands(tmp_path, Command(("sleep", "60"), {}), wall_s=0.5)
    assert found.status == "timeout"
