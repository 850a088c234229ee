from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from evolve.pipeline import Evaluation, Pipeline
from evolve.problem import load_problem
from evolve.sandbox import Command, CommandResult, Limits, LocalExecutor
from tests.conftest import toy_problem
from tests.sandbox.helpers import needs_namespaces

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
    assert (wrong.status, "which are too few" in wrong.feedback) == ("invalid", True)
    assert faulty.status == "failed"
    assert faulty.feedback.startswith("the program does not compile: cc ended with exit status 1\n")
    assert "./program ended with exit status 3" in failing.feedback


def commands(
    tmp_path: Path, *orders: Command, wall_s: float = 10.0, policy: str | None = None
) -> list[CommandResult]:
    problem = load_problem(toy_problem(tmp_path))

    async def run() -> list[CommandResult]:
        async with LocalExecutor(problem, workers=1, policy=policy) as executor:
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
    assert (signalled.feedback, signalled.stderr) == ("sh was killed by signal 9", b"why\n")


def test_a_command_that_does_not_end_is_stopped(tmp_path: Path) -> None:
    (found,) = commands(tmp_path, Command(("sleep", "60"), {}), wall_s=0.5)
    assert found.status == "timeout"


HIDES = r"""
#include <signal.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>
int main(void) {
    int ends[2];
    char word;
    signal(SIGCHLD, SIG_IGN);
    if (pipe(ends)) return 1;
    pid_t child = fork();
    if (child < 0) { puts("alone"); return 0; }
    if (child == 0) { while (clock() < CLOCKS_PER_SEC / 2) {} _exit(0); }
    close(ends[1]);
    read(ends[0], &word, 1);
    usleep(50000);
    puts("worked");
    return 0;
}
"""
THREADS = r"""
#include <pthread.h>
#include <stdio.h>
#include <time.h>
static void *work(void *unused) { while (clock() < CLOCKS_PER_SEC / 2) {} return unused; }
int main(void) {
    pthread_t threads[2];
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    puts("worked");
    return 0;
}
"""


def built(tmp_path: Path, text: str) -> dict[str, bytes]:
    build = ("cc", "-pthread", "-o", "it", "it.c")
    (made,) = commands(tmp_path, Command(build, {"it.c": text.encode()}, collect=("it",)))
    assert made.status == "ok", made.stderr.decode()
    return made.files


@needs_compiler
@pytest.mark.parametrize("policy", [pytest.param("strict", marks=needs_namespaces), "process"])
def test_no_processor_time_escapes_the_count(tmp_path: Path, policy: str) -> None:
    files = built(tmp_path, HIDES)
    free, alone = commands(
        tmp_path,
        Command(("./it",), files, ("it",)),
        Command(("./it",), files, ("it",), one_process=True),
        policy=policy,
    )
    if "seccomp" not in alone.layers:
        pytest.skip("needs the layer seccomp")
    assert (free.stdout, free.cpu_s < 0.25) == (b"worked\n", True), "the kernel forgets what the child took"
    assert alone.stdout == b"alone\n"


@needs_compiler
def test_threads_are_free_and_counted(tmp_path: Path) -> None:
    (ran,) = commands(tmp_path, Command(("./it",), built(tmp_path, THREADS), ("it",), one_process=True))
    assert (ran.stdout, ran.cpu_s > 0.25) == (b"worked\n", True)


ECHO = """
from evolve.problem import Score

def score(output, params, case):
    seen = sorted(output) + output["stdout"].split() + [str(case.get("n", params["n"]))]
    return Score({"value": float(case.get("n", params["n"])), "size": 0.5}, " ".join(seen))
"""


def scripts(tmp_path: Path, texts: list[str], **options: object) -> list[Evaluation]:
    """Evaluate programs in the shell's language, whose scorer quotes what it got."""
    stages = [
        {"name": "parse", "kind": "parse"},
        {"name": "run", "kind": "command", "needs": ["parse"], "options": {"input": "{n}", **options}},
        {"name": "score", "kind": "score", "needs": ["run"]},
    ]
    candidate = {"language": "shell", "entry": None, "memory_mb": 512}
    problem = load_problem(toy_problem(tmp_path, candidate=candidate, stages=stages, score=ECHO, seed="cat"))

    async def run() -> list[Evaluation]:
        async with LocalExecutor(problem, workers=1) as executor:
            pipeline = Pipeline(problem, executor)
            return [await pipeline.evaluate(text) for text in texts]

    return asyncio.run(run())


def test_processor_time_is_handed_on_only_where_it_cannot_be_hidden(tmp_path: Path) -> None:
    (many,) = scripts(tmp_path, ["cat; (exit)"])
    (one,) = scripts(tmp_path, ["read -r n; echo $n"], subprocesses=False)
    (refused,) = scripts(tmp_path, ["cat; (exit)"], subprocesses=False)
    assert (many.status, many.feedback) == ("valid", "stdout wall_s 3 3")
    assert (one.status, one.feedback) == ("valid", "cpu_s stdout wall_s 3 3")
    assert (refused.status, "fork" in refused.feedback) == ("failed", True)


def test_fresh_values_follow_from_the_text_alone(tmp_path: Path) -> None:
    texts = ["cat", "cat", "cat ", "cat # 1"]
    found = scripts(tmp_path, texts, fresh={"n": [10, 10**9]})
    values = [evaluation.objective for evaluation in found]
    assert all(value is not None and 10 <= value <= 10**9 for value in values)
    assert values[0] == values[1]
    assert len(set(values)) == 3, "whoever writes an answer into a program changes the question"
    told = found[0].feedback.split()
    assert told[-2] == told[-1], "the program and the scorer get the same"


def test_names_in_between_do_not_make_messages_differ(tmp_path: Path) -> None:
    (found,) = scripts(tmp_path, ["echo /scratch/ccX3k9aZ.o: in main, ccache.so >&2; exit 1"])
    assert "/scratch/cc.o: in main, ccache.so" in found.feedback


def test_output_that_is_no_text_is_data_like_any_other(tmp_path: Path) -> None:
    (found,) = scripts(tmp_path, ["printf '\\377\\000\\033[31m'"])
    assert (found.status, "\ufffd\x00\x1b[31m" in found.feedback) == ("valid", True)
