from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from evolve.sandbox import _learned, _zygote_client
from evolve.sandbox._learned import Learned
from tests.conftest import toy_problem
from tests.sandbox.helpers import POLICIES_HERE, Sandbox, descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

LOOK = """
import sys
loaded = {name: name in sys.modules for name in ("decimal", "colorsys", "json.tool")}
import colorsys, decimal, json.tool

def solve():
    return loaded
"""


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have zygotes restarted as soon as something is learned."""
    monkeypatch.setattr(_learned, "_RUNS_BETWEEN", 1)


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("policy", POLICIES_HERE)
def test_what_programs_import_is_preloaded_if_the_problem_allows(tmp_path: Path, policy: str) -> None:
    folder = toy_problem(tmp_path, candidate={"modules": ["json.*", "decimal"]})
    with Sandbox(folder, policy=policy) as box:
        before, *rest = [box.output(LOOK) for _ in range(_learned._SEEN_OFTEN + 2)]
    assert before == {"decimal": False, "colorsys": False, "json.tool": False}
    assert rest[-1] == {"decimal": True, "colorsys": False, "json.tool": True}


@pytest.mark.usefixtures("at_once")
def test_nothing_is_preloaded_by_default(tmp_path: Path) -> None:
    with Sandbox(toy_problem(tmp_path), policy="process") as box:
        assert {str(box.output(LOOK)) for _ in range(6)} == {str(dict.fromkeys(box.output(LOOK), False))}


@pytest.mark.usefixtures("at_once")
def test_a_learned_module_that_cannot_be_loaded_stops_nobody(tmp_path: Path) -> None:
    folder = toy_problem(tmp_path, candidate={"modules": ["*"]})
    pretend = (
        "import sys, types\n"
        "def solve():\n"
        "    sys.modules['no_such_thing'] = types.ModuleType('x')\n"
        "    return 1"
    )
    with Sandbox(folder, policy="process") as box:
        assert {box.output(pretend) for _ in range(6)} == {1}
        assert "no_such_thing" in box.executor._all[0]._learned.modules  # type: ignore[union-attr]


def test_only_allowed_names_that_are_seen_often_are_learned() -> None:
    learned = Learned(["scipy.*", "decimal"])
    for _ in range(10):
        learned.saw(["os", "scipyx", "xdecimal", "decimal.x"])
    assert learned.modules == []
    for _ in range(_learned._SEEN_OFTEN - 1):
        learned.saw(["scipy.linalg", "scipy.linalg", "scipy.linalg"])
    assert learned.lesson == 0
    learned.saw(["scipy.linalg", "decimal"])
    assert learned.modules == ["scipy.linalg"]
    assert learned.lesson == 1


def test_the_number_of_modules_is_bounded() -> None:
    learned = Learned(["*"])
    for _ in range(_learned._SEEN_OFTEN):
        learned.saw([f"module{number}" for number in range(1000)] + ["x" * 10_000])
    assert learned.lesson == _learned._MOST_MODULES


def test_a_restart_waits_for_more_to_learn() -> None:
    learned = Learned(["*"])
    assert not learned.worth_a_restart(0, 10**6)
    for _ in range(_learned._SEEN_OFTEN):
        learned.saw(["decimal"])
    assert not learned.worth_a_restart(0, _learned._RUNS_BETWEEN - 1)
    assert learned.worth_a_restart(0, _learned._RUNS_BETWEEN)
    assert not learned.worth_a_restart(1, 10**6)


# -- zygotes that have served --------------------------------------------------------------------


def generations(box: Sandbox, runs: int) -> list[set[int]]:
    """Return the zygote's processes after each run, each different set once."""
    found: list[set[int]] = []
    for _ in range(runs):
        assert box.output("def solve(): return 1") == 1
        processes = {pid for pid, command in descendants().items() if "sandbox._zygote" in command}
        if processes not in found:
            found.append(processes)
    return found


@pytest.mark.parametrize("policy", POLICIES_HERE)
@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (lambda patch: patch.setattr(_zygote_client, "_MOST_RUNS", 3), 2),
        (lambda patch: patch.setattr(_zygote_client, "_MOST_GROWTH_KB", -1), 4),
        (lambda _patch: None, 1),
    ],
    ids=["many runs", "growth", "neither"],
)
def test_a_zygote_is_replaced_when_it_has_served(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    policy: str,
    age: Callable[[pytest.MonkeyPatch], None],
    expected: int,
) -> None:
    age(monkeypatch)
    with Sandbox(toy_problem(tmp_path), policy=policy) as box:
        found = generations(box, 4)
    assert len(found) == expected
    assert all(not a & b for a in found for b in found if a is not b)
