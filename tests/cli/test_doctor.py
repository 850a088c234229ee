"""`evolve doctor`, and what it says about a machine."""

from __future__ import annotations

import json
import sys

import pytest

from evolve.errors import SandboxError
from evolve.sandbox._doctor import PURPOSES, examine
from evolve.sandbox._policy import CORE, REMEDIES, remedy, require
from tests.cli.toy import Shell

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="layers of the Linux kernel")


def test_every_required_layer_is_explained() -> None:
    assert set(CORE) <= set(PURPOSES)
    assert set(REMEDIES) <= set(PURPOSES)


def test_a_machine_is_examined() -> None:
    found = examine("process", runs=3)
    assert found.trouble == ""
    assert not any(layer.required for layer in found.layers)
    in_force = {layer.name for layer in found.layers if layer.in_force}
    assert {"session", "rlimits", "deadline", "codec"} <= in_force
    assert set(found.costs_ms) >= {"bare fork", "run", "score", "fork", "confine", "program", "end"}


def test_the_command_shows_layers_and_costs(shell: Shell) -> None:
    said = shell("doctor", "--sandbox", "process")
    assert said.code == 0
    assert "seccomp" in said.out
    assert "a call of the scorer" in said.out
    facts = json.loads(shell("doctor", "--sandbox", "process", "--json").out)
    assert {layer["name"] for layer in facts["layers"]} == set(PURPOSES)


def test_what_cannot_run_is_told_with_exit_code_2(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evolve.sandbox._policy.CORE", (*CORE, "moat"))
    said = shell("doctor", "--sandbox", "strict")
    assert said.code == 2
    assert "moat" in said.out


def test_an_unknown_policy_is_refused(shell: Shell) -> None:
    said = shell("doctor", "--sandbox", "strickt")
    assert said.code == 2
    assert "Did you mean 'strict'?" in said.err


def test_a_missing_core_layer_is_refused_with_its_remedy() -> None:
    there = [layer for layer in CORE if layer != "seccomp"]
    with pytest.raises(SandboxError, match=f"does not offer: seccomp. To get them: {remedy('seccomp')}"):
        require("strict", there)
    require("strict", CORE)
    require("process", [])
