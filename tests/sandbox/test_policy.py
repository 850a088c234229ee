from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, cast

import pytest

from evolve.errors import SandboxError
from evolve.sandbox import POLICIES, Limits, default_policy
from evolve.sandbox._ceiling import Ceiling
from evolve.sandbox._confinement import ALWAYS, Confinement
from evolve.sandbox._doctor import PURPOSES
from evolve.sandbox._policy import CORE, remedy, require
from evolve.sandbox._zygote_client import Zygote
from evolve.sandbox.layers import _namespaces
from evolve.sandbox.layers._cgroup import Cgroups
from tests.conftest import toy_problem
from tests.sandbox.helpers import LINUX, POLICIES_HERE, Sandbox, needs_namespaces


def test_the_strict_policy_names_what_is_missing_and_how_to_get_it() -> None:
    layers = [layer for layer in CORE if layer not in ("user_namespace", "pid_namespace", "seccomp")]
    with pytest.raises(SandboxError) as caught:
        require("strict", layers)
    message = str(caught.value)
    assert "does not offer: user_namespace, pid_namespace, seccomp. To get them: " in message
    assert message.count("allow unprivileged user namespaces") == 1  # one remedy for both
    assert "CONFIG_SECCOMP_FILTER" in message
    assert message.endswith("--sandbox process.")


@pytest.mark.parametrize("layer", CORE)
def test_every_required_layer_is_required_alone(layer: str) -> None:
    with pytest.raises(SandboxError, match=f"does not offer: {layer}. To get them: "):
        require("strict", set(CORE) - {layer})
    assert remedy(layer)


def test_enough_is_enough() -> None:
    require("strict", CORE)
    require("process", [])


def test_the_default_is_strict_where_it_can_be() -> None:
    assert default_policy() == ("strict" if sys.platform == "linux" else "process")
    assert default_policy() in POLICIES


def test_every_layer_has_a_purpose_to_show() -> None:
    by_each_child = Confinement(
        namespaces=True,
        nobody=True,
        landlock=99,
        seccomp=b"x",
        seccomp_exec=b"x",
        readable=(),
        address_space=0,
    ).layers()
    everything = {*by_each_child, *Ceiling(None, cast(Cgroups, object())).layers()}
    assert set(CORE) <= everything
    assert len(by_each_child) == len(set(by_each_child))
    if LINUX:
        assert everything == set(PURPOSES)


# -- in force ------------------------------------------------------------------------------------


@needs_namespaces
def test_strict_is_in_force_with_all_core_layers_and_says_so(tmp_path: Path) -> None:
    with Sandbox(toy_problem(tmp_path)) as box:
        assert set(CORE) | set(ALWAYS) <= set(box.layers())


def test_the_process_policy_claims_no_layer_of_namespaces(tmp_path: Path) -> None:
    with Sandbox(toy_problem(tmp_path), policy="process") as box:
        found = set(box.layers())
    assert set(ALWAYS) <= found
    assert not {*_namespaces.NAMES, "own_root", "scratch_tmpfs"} & found
    assert ("memory_ceiling" in found) == ("process_ceiling" in found) == ("cgroup" in found)


def with_options(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    """Have zygotes started with other options."""
    original = Zygote._options
    monkeypatch.setattr(Zygote, "_options", lambda self: json.dumps(json.loads(original(self)) | changes))


def test_strict_refuses_to_run_without_namespaces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_options(monkeypatch, policy="process")  # a zygote that makes none
    with (
        pytest.raises(SandboxError, match=r"does not offer: user_namespace, .*, dropped_capabilities"),
        Sandbox(toy_problem(tmp_path), policy="strict"),
    ):
        pass


@needs_namespaces
def test_a_root_that_cannot_be_built_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with_options(monkeypatch, readable=[str(tmp_path / "gone")])
    with (
        pytest.raises(
            SandboxError, match=r"root cannot be built here \(.*No such file.*\)\. To get it: allow"
        ),
        Sandbox(toy_problem(tmp_path), policy="strict"),
    ):
        pass


@pytest.mark.skipif(not LINUX, reason="needs Linux")
@pytest.mark.parametrize("policy", POLICIES_HERE)
@pytest.mark.parametrize(
    "impossible", [Limits(memory_mb=2**60), Limits(scratch_mb=1e300)], ids=["memory", "size"]
)
def test_a_program_that_cannot_be_confined_is_not_run(
    tmp_path: Path, policy: str, impossible: Limits
) -> None:
    program = "print('it runs')\ndef solve():\n    return 1"
    with Sandbox(toy_problem(tmp_path), policy=policy) as box:
        with pytest.raises(SandboxError, match=r"could not be confined and was not run: \w+Error: "):
            box.run(program, impossible)
        assert box.output(program) == 1
