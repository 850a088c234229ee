from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hostile_suite import PlainSubprocessExecutor

from evolve.errors import SandboxError
from evolve.problem import load_problem
from evolve.sandbox import Command, CommandResult, Limits, LocalExecutor
from evolve.testing.hostile import ATTACKS, Attack, Report, World, check, conformance, run_attack, run_suite

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the suite looks at processes through /proc")

BY_NAME = {attack.name: attack for attack in ATTACKS}
KNOWN_FAILURES: dict[str, str] = {}

Run = Callable[[Attack], Report]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as world:
        yield world


@pytest.fixture(scope="module")
def attack_sandbox(world: World) -> Iterator[Run]:
    """Attack one sandbox that is shared by all tests, as it is by the programs of a run."""
    with asyncio.Runner() as runner:
        executor = LocalExecutor(load_problem(world.problem), 1)
        try:
            runner.run(executor.__aenter__())
        except SandboxError as error:
            pytest.skip(str(error))
        yield lambda attack: runner.run(run_attack(executor, attack, world))
        runner.run(executor.__aexit__())


@pytest.fixture
def attack_careless(world: World) -> Iterator[Run]:
    """Attack an executor without any confinement."""
    with PlainSubprocessExecutor() as executor:
        yield lambda attack: asyncio.run(run_attack(executor, attack, world))


def needs_compiler(attack: Attack) -> None:
    if attack.language == "c" and shutil.which("cc", path="/usr/local/bin:/usr/bin:/bin") is None:
        pytest.skip("needs a C compiler")


@pytest.mark.parametrize("attack", conformance(known_failures=KNOWN_FAILURES))
def test_the_sandbox_holds(attack_sandbox: Run, attack: Attack) -> None:
    needs_compiler(attack)
    report = attack_sandbox(attack)
    missing = [layer for layer in attack.needs if layer not in report.outcome.layers]
    if missing and report.outcome.layers:
        pytest.skip(f"this system does not offer {', '.join(missing)}")
    check(report)


def test_nothing_is_left_of_the_suite() -> None:
    with World() as world:
        before = world.processes()

        async def attack() -> list[Report]:
            async with LocalExecutor(load_problem(world.problem), 1) as executor:
                return await run_suite(executor, world, [BY_NAME["daemon"], BY_NAME["shadow_module"]])

        try:
            assert len(asyncio.run(attack())) == 2
        except SandboxError as error:
            pytest.skip(str(error))
        assert world.processes() == before
        folder = world.problem.parent
    assert not folder.exists()


EVIDENCE = {
    "read_file": "secrets leaked: file",
    "inherited_descriptors": "secrets leaked: descriptor",
    "change_store": r"run\.db was changed",
    "write_libraries": "a file was left at .*site-packages",
    "environment": "secrets leaked: environment",
    "engine_memory": "secrets leaked: memory",
    "tcp": "a knock at the TCP listener",
    "kill_neighbour": "the sentinel process was ended",
    "slow_neighbour": "the sentinel process was changed: priority",
    "daemon": "a file was left at .*; 1 processes were left",
    "linger_on_output": "1 processes were left",
    "fork_bomb": "processes and threads at once, of 16 allowed",
    "print_flood": "printed characters were kept of",
    "forge_and_exit": "an impossible score was accepted: 1000000000",
    "nan": "an impossible score was accepted: nan",
    "pickle_on_load": "a file was left at /tmp/",
    "shadow_module": "a later program found: True; an honest program failed afterwards",
    "unshare_user": "the kernel answered 0",
    "program_reads": "secrets leaked: .*store",
    "program_stays": "a file was left at .*; 2 processes were left",
    "c_include_file": "secrets leaked: file",
    "c_incbin": "secrets leaked: home",
    "c_compiler_time": "1 processes were left",
    "c_daemon": "a file was left at .*; 1 processes were left",
    "c_ignored_child": r"took 0\.\d+ s of processor time, of which 0\.0\d s were counted",
    "c_left_answers": "the next run: 'answer",
}
"""What must show that an attack on the careless executor succeeded."""
PRIVILEGED = {"write_libraries", "engine_memory"}
"""Attacks that a careless executor holds when the user has few rights."""


@pytest.mark.parametrize("name", EVIDENCE)
def test_success_is_seen(attack_careless: Run, name: str) -> None:
    needs_compiler(BY_NAME[name])
    report = attack_careless(BY_NAME[name])
    if name in PRIVILEGED and not report.succeeded:
        pytest.skip("this user may not do that")
    with pytest.raises(AssertionError, match=EVIDENCE[name]):
        check(report)
    assert report.attack.intent in _message(report)


def _message(report: Report) -> str:
    with pytest.raises(AssertionError) as failure:
        check(report)
    return str(failure.value)


@pytest.mark.parametrize("name", ["limit_neighbour", "change_scorer", "waiting_process"])
def test_the_world_is_put_back(attack_careless: Run, world: World, name: str) -> None:
    before = len(world.processes())
    assert attack_careless(BY_NAME[name]).succeeded
    assert world.harm() == ""
    assert len(world.processes()) == before


def test_an_attack_that_cannot_be_built_is_not_held(world: World) -> None:
    class NoCompiler(PlainSubprocessExecutor):
        async def command(self, command: Command, limits: Limits) -> CommandResult:
            del command, limits
            return CommandResult("failed", "no compiler", b"", b"", {}, None, 0.0, 0.0, 0.0, ())

    with NoCompiler() as executor:
        report = asyncio.run(run_attack(executor, BY_NAME["c_tcp"], world))
    assert report.succeeded
    assert "an honest program in C failed afterwards: failed no compiler" in report.evidence


HARMLESS = Attack("harmless", "none", "Do nothing.", "def attack(secret):\n    return secret", ("secret",))


def test_an_innocent_program_is_no_attack(attack_careless: Run, attack_sandbox: Run) -> None:
    for run in (attack_careless, attack_sandbox):
        report = run(HARMLESS)
        assert (report.succeeded, report.evidence, report.status) == (False, "", "ok")
        check(report)
        assert str(report).startswith("none/harmless: held [ok, ")


def test_an_executor_that_raises_has_failed(world: World) -> None:
    class Broken(PlainSubprocessExecutor):
        async def run(self, *_arguments: object) -> None:  # type: ignore[override]
            raise ValueError("no longer")

    report = asyncio.run(run_attack(Broken(), HARMLESS, world))  # type: ignore[arg-type]
    assert report.status == "sandbox error"
    assert "the executor itself failed: ValueError: no longer" in report.evidence
    assert "an honest program failed afterwards" in report.evidence


def test_every_attack_says_what_it_is() -> None:
    assert len(BY_NAME) == len(ATTACKS) >= 60
    for attack in ATTACKS:
        assert attack.intent.endswith("."), attack.name
        if attack.language == "c":
            assert all(f"@{name}@" in attack.program for name in attack.arguments), attack.name
            continue
        assert "def attack(" in attack.program, attack.name
        assert ("def heir(" in attack.program) == attack.heir, attack.name
        compile(attack.program, attack.name, "exec")


def test_no_attack_is_told_a_secret(world: World) -> None:
    told = " ".join(str(fact) for fact in world.facts.values())
    assert world.leaked(told.encode()) == ""
    assert {name for attack in ATTACKS for name in attack.arguments} <= set(world.facts)


def test_known_failures_are_expected_strictly() -> None:
    attacks = [HARMLESS, replace(HARMLESS, name="other")]
    first, second = conformance(attacks, {"other": "not offered here"})
    assert (first.id, list(first.marks)) == ("harmless", [])
    assert second.marks[0].kwargs == {"reason": "not offered here", "strict": True}
    with pytest.raises(ValueError, match="must be names of attacks, got no_such"):
        conformance(attacks, {"no_such": "a slip"})
