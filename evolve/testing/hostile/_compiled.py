"""Carry out an attack that is written in C: build it and run it, each by a command."""

from __future__ import annotations

import time
from collections.abc import Mapping

from evolve.problem import Scalar
from evolve.sandbox import Command, CommandResult, Executor, Limits, Verdict
from evolve.testing.hostile._attack import SANDBOX_ERROR, Attack, Outcome
from evolve.testing.hostile._proc import Watch

_SOURCE, _PROGRAM = "attack.c", "attack"
_HONEST = """
#include <pthread.h>
#include <stdio.h>
static void *add(void *sum) { *(int *)sum += 3; return NULL; }
int main(void) {
    int sum = 0;
    for (int i = 0; i < 2; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, add, &sum) == 0) pthread_join(thread, NULL);
    }
    printf("%d", sum);
    return 0;
}
"""
"""It needs threads, which a program whose time counts may have too."""
_BUILD = ("cc", "-O1", "-w", "-pthread", "-o", _PROGRAM, _SOURCE)


async def build_and_run(executor: Executor, attack: Attack, facts: Mapping[str, Scalar]) -> Outcome:
    """Build an attack, run it when that succeeded, and its heir, if it has one.

    Args:
        executor: What is attacked.
        attack: Written in C.
        facts: What its text is told, by name.
    """
    text = attack.program
    for name, value in facts.items():
        text = text.replace(f"@{name}@", str(value))
    started = time.monotonic()
    with Watch(active=attack.watched) as watch:
        order = Command(_BUILD, {_SOURCE: text.encode()}, collect=(_PROGRAM,))
        built = await _command(executor, order, attack.limits)
        between = time.monotonic()
        ran = await _started(executor, attack, built) if built.status == "ok" else built
        ended = time.monotonic()
    heir = await _started(executor, attack, built, "heir") if attack.heir and built.status == "ok" else None
    verdict = None if ran.status == SANDBOX_ERROR else Verdict("invalid", {}, "nothing to score")
    return Outcome(
        ran.status,
        ran.stdout.decode("utf-8", "replace"),
        ran.stdout,
        "",
        "\n".join((built.feedback, _text(built.stderr), ran.feedback, _text(ran.stderr))),
        ran.layers,
        verdict,
        _text(heir.stdout) if heir is not None else None,
        max(between - started, ended - between),
        ran.cpu_s,
        watch.peak_tasks,
        watch.peak_mb,
    )


async def honest_command(executor: Executor) -> str:
    """Build and run an honest program; say what is wrong with it, if anything.

    That may be the compiler, which is then not there: attacks that could not even be built are not held.
    """
    honest = Attack("honest", "none", "Do what is asked.", _HONEST, language="c", one_process=True)
    outcome = await build_and_run(executor, honest, {})
    if outcome.returned != "6":
        return f"an honest program in C failed afterwards: {outcome.status} {outcome.feedback.strip():.300}"
    return ""


async def _started(executor: Executor, attack: Attack, built: CommandResult, *words: str) -> CommandResult:
    files = {_PROGRAM: built.files[_PROGRAM]}
    argv = (f"./{_PROGRAM}", *words)
    order = Command(argv, files, (_PROGRAM,), one_process=attack.one_process)
    return await _command(executor, order, attack.limits)


async def _command(executor: Executor, order: Command, limits: Limits) -> CommandResult:
    try:
        return await executor.command(order, limits)
    except Exception as error:  # noqa: BLE001 - an executor that a program makes raise has failed, however
        said = f"{type(error).__name__}: {error}"
        return CommandResult(SANDBOX_ERROR, said, b"", b"", {}, None, 0.0, 0.0, 0.0, ())


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
