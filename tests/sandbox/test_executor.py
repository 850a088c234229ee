from __future__ import annotations

import asyncio
import os
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evolve.sandbox import Limits, RunResult, decode, encode
from tests.conftest import toy_problem
from tests.sandbox.helpers import LIMITS, Sandbox, descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

SHORT = Limits(wall_s=0.25, memory_mb=64)
FLOOR = {"session", "rlimits", "deadline", "scratch", "clean_environment", "closed_descriptors", "codec"}


@pytest.fixture(scope="module", params=["namespaces", "process"])
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests that leave it as it was; in both modes."""
    folder = toy_problem(tmp_path_factory.mktemp("problem"))
    with Sandbox(folder, workers=2, namespaces=request.param == "namespaces") as box:
        yield box


def layers(sandbox: Sandbox) -> tuple[str, ...]:
    return sandbox.run("def solve(): pass").layers


# -- results and failures ------------------------------------------------------------------------


def test_a_result_comes_back(sandbox: Sandbox) -> None:
    result = sandbox.run("def solve(n, word):\n    print('hello')\n    return [word] * n", n=2, word="ä")
    assert (result.status, result.feedback, result.printed) == ("ok", "", "hello\n")
    assert decode(result.output) == ["ä", "ä"]
    assert result.wall_s > 0
    assert result.cpu_s >= 0


def test_layers_are_reported(sandbox: Sandbox) -> None:
    assert set(layers(sandbox)) >= FLOOR
    with_namespaces = {"user_namespace", "pid_namespace"}
    assert set(layers(sandbox)) - FLOOR in (with_namespaces, set())


def test_without_namespaces_none_is_claimed(tmp_path: Path) -> None:
    with Sandbox(toy_problem(tmp_path), namespaces=False) as box:
        assert set(layers(box)) == FLOOR


FAILURES = {
    "exception": (
        "def helper(x):\n    return 1 / x\n\ndef solve():\n    return helper(0)",
        r"ZeroDivisionError: division by zero\n(?s:.*)line 5, in solve\n(?s:.*)line 2, in helper\n",
    ),
    "top level": ("import nothing_of_the_kind", r"ModuleNotFoundError(?s:.*)line 1, in <module>"),
    "syntax": ("def solve(:\n    pass", r"SyntaxError: invalid syntax \(<program>, line 1\)"),
    "no entry": ("def other():\n    pass", "NameError: the program defines no function 'solve'"),
    "not callable": ("solve = 3", "NameError: the program defines no function 'solve'"),
    "arguments": ("def solve(n):\n    pass", r"TypeError: solve\(\) missing 1 required positional argument"),
    "sys.exit": ("import sys\ndef solve():\n    sys.exit(3)", "SystemExit: 3"),
    "os._exit": ("import os\ndef solve():\n    os._exit(3)", r"ended without a result \(exit status 3\)"),
    "exit 0": ("import os\ndef solve():\n    os._exit(0)", r"ended without a result \(exit status 0\)"),
    "crash": (
        "import ctypes\ndef solve():\n    ctypes.string_at(0)",
        r"ended without a result \(killed by signal 11\)",
    ),
    "not plain": ("def solve():\n    return [lambda: 0]", r"^result\[0\] is of type builtins.function"),
    "hostile str": (
        "class E(Exception):\n    def __str__(self):\n        raise KeyError\ndef solve():\n    raise E",
        "^E$",
    ),
    "surrogates": ("def solve():\n    raise ValueError('\\ud800')", r"ValueError: \?"),
    "not text": ("x = '\ud800'", "cannot be run: .*surrogates not allowed"),
    "closed descriptor": ("import os\ndef solve():\n    os.close(3)", "ended without a result"),
    "recursion": ("def solve():\n    return solve()", "RecursionError: maximum recursion depth"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_are_data_with_feedback(sandbox: Sandbox, name: str) -> None:
    program, message = FAILURES[name]
    result = sandbox.run(program)
    assert result.status == "failed"
    assert result.output == b""
    with pytest.raises(AssertionError, match=message):
        raise AssertionError(result.feedback)
    assert "evolve" not in result.feedback  # the program's own frames only


def test_annotations_are_evaluated_as_when_imported(sandbox: Sandbox) -> None:
    assert sandbox.output("def solve(n: int = 1):\n    return solve.__annotations__['n'] is int") is True


LATE = {
    "sleep": "import time\ndef solve():\n    time.sleep(100)",
    "busy": "def solve():\n    while True: pass",
    "at import": "while True: pass",
    "in C": "def solve():\n    return sum(range(10**15))",
    "deaf": (
        "import signal, time\n"
        "for n in set(range(1, 65)) - {9, 19, 32, 33}: signal.signal(n, signal.SIG_IGN)\n"
        "def solve():\n    while True: time.sleep(1)"
    ),
    "result sent": (
        "import os, struct, time\n"
        "def solve():\n    os.write(3, struct.pack('<cQ', b'R', 4) + b'EV1N')\n    time.sleep(100)"
    ),
    "descriptors closed": "import os\ndef solve():\n    os.closerange(0, 9)\n    while True: pass",
    "stopped": "import os, signal, time\ndef solve():\n    os.kill(os.getpid(), 19)\n    time.sleep(100)",
}


@pytest.mark.parametrize("name", LATE)
def test_a_late_program_is_killed(sandbox: Sandbox, name: str) -> None:
    before = descendants()
    result = sandbox.run(LATE[name], SHORT)
    assert (result.status, result.output) == ("timeout", b"")
    assert result.feedback == "stopped after 0.25 s: the program takes too long"
    assert descendants() == before


# Leaves a process behind in a session of its own, two generations down; it says when it is there,
# and would answer a call that comes after the program's end.
ORPHAN = """
import os, time
def solve(folder, then):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open(folder + "/there", "w").close()
            while not os.path.exists(folder + "/call"):
                time.sleep(0.005)
            open(folder + "/answer", "w").close()
        os._exit(0)
    while not os.path.exists(folder + "/there"):
        time.sleep(0.005)
    if then == "raise":
        raise ValueError
    if then == "crash":
        os._exit(1)
    while then == "hang":
        time.sleep(1)
"""


@pytest.mark.parametrize("then", ["return", "raise", "crash", "hang"])
def test_nothing_outlives_the_call(sandbox: Sandbox, tmp_path: Path, then: str) -> None:
    before = descendants()
    result = sandbox.run(
        ORPHAN, Limits(wall_s=1.0 if then == "hang" else 10.0), folder=str(tmp_path), then=then
    )
    assert result.status == {"return": "ok", "hang": "timeout"}.get(then, "failed")
    assert (tmp_path / "there").exists()
    assert descendants() == before
    (tmp_path / "call").touch()
    time.sleep(0.1)
    assert not (tmp_path / "answer").exists()


def test_a_thread_left_running_delays_nobody(sandbox: Sandbox) -> None:
    program = (
        "import threading, time\ndef solve():\n    threading.Thread(target=time.sleep, args=(99,)).start()"
    )
    assert sandbox.run(program, Limits(wall_s=5)).status == "ok"


MEMORY = {
    "at once": "def solve():\n    return bytearray(10**9)",
    "bit by bit": "kept = []\ndef solve():\n    while True: kept.append(bytearray(1000))",
    "in a list": "def solve():\n    kept = []\n    while True: kept.append(object())",
}


@pytest.mark.parametrize("name", MEMORY)
def test_too_much_memory_has_a_status_of_its_own(sandbox: Sandbox, name: str) -> None:
    result = sandbox.run(MEMORY[name])
    assert result.status == "memory"
    assert result.feedback.startswith("MemoryError\n")


def test_the_result_is_capped(sandbox: Sandbox) -> None:
    small = Limits(wall_s=10, output_bytes=1000)
    assert sandbox.run("def solve():\n    return 'x' * 900", small).status == "ok"
    result = sandbox.run("def solve():\n    return 'x' * 1000", small)
    assert result.status == "failed"
    assert "larger than the problem allows (candidate.output_mb)" in result.feedback


def test_a_flood_on_the_result_descriptor_is_cut_off(sandbox: Sandbox) -> None:
    flood = "import os\ndef solve():\n    while True: os.write(3, b'x' * 100_000)"
    result = sandbox.run(flood, Limits(wall_s=10, output_bytes=1000))
    assert (result.status, result.feedback) == ("failed", "returned more than 1,000 bytes; return less data")


def test_prints_are_kept_up_to_a_cap_and_never_block(sandbox: Sandbox) -> None:
    program = "import sys\ndef solve():\n    print('a' * 500_000)\n    sys.stderr.write('b' * 500_000)"
    result = sandbox.run(program, Limits(wall_s=10, printed_bytes=100))
    assert result.status == "ok"
    kept, _, rest = result.printed.partition("\n")
    assert len(kept) == 100
    assert set(kept) <= {"a", "b"}
    assert rest == "[999,901 further bytes dropped]"


# -- what a program sees -------------------------------------------------------------------------


def test_only_four_descriptors_are_open(sandbox: Sandbox) -> None:
    listing = (
        "import os\ndef solve():\n    return [n for n in range(1024) if os.path.exists(f'/proc/self/fd/{n}')]"
    )
    assert sandbox.output(listing) == [0, 1, 2, 3]


def test_the_environment_holds_nothing_of_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-3141")
    monkeypatch.setenv("PYTHONSTARTUP", "canary-3141")
    with Sandbox(toy_problem(tmp_path)) as box:
        environment = box.output("import os\ndef solve():\n    return dict(os.environ)")
    assert "canary-3141" not in str(environment)
    assert not {"HOME", "PATH", "OPENAI_API_KEY", "PYTHONSTARTUP"} & environment.keys()


def test_the_engines_own_environment_cannot_be_read(sandbox: Sandbox) -> None:
    if "user_namespace" not in layers(sandbox):
        pytest.skip("needs the layer user_namespace")
    result = sandbox.run("def solve(pid):\n    return open(f'/proc/{pid}/environ').read()", pid=os.getpid())
    assert "PermissionError" in result.feedback


def test_the_scratch_folder_is_private_writable_and_gone_afterwards(sandbox: Sandbox) -> None:
    program = (
        "import os\n"
        "def solve():\n"
        "    left = os.listdir('.')\n"
        "    with open('file', 'w') as file: file.write('x')\n"
        "    return [os.getcwd(), left, os.stat('.').st_mode & 0o777, os.stat('file').st_mode & 0o777]"
    )
    first, second = sandbox.output(program), sandbox.output(program)
    assert first[1:] == second[1:] == [[], 0o700, 0o600]
    assert first[0] != second[0]
    assert not os.path.exists(first[0])


@pytest.mark.parametrize(
    "mess",
    [
        "for _ in range(1500): os.mkdir('d'); os.chdir('d')",
        "os.makedirs('a/b/c'); os.chmod('a/b', 0); os.chmod('a', 0)",
        "os.symlink('/', 'root'); os.symlink('nothing', 'dangling'); os.mkfifo('pipe')",
    ],
    ids=["deep", "no permissions", "links"],
)
def test_whatever_is_in_it_is_removed(sandbox: Sandbox, mess: str) -> None:
    folder = sandbox.output(f"import os\ndef solve():\n    here = os.getcwd()\n    {mess}\n    return here")
    assert not os.path.exists(folder)
    assert os.listdir("/")
    assert sandbox.run("def solve(): pass").status == "ok"


def test_a_large_file_is_refused(sandbox: Sandbox) -> None:
    program = "def solve():\n    with open('big', 'wb') as file:\n        file.write(b'x' * 2_000_000)"
    result = sandbox.run(program, Limits(wall_s=10, file_mb=1))
    assert "OSError: [Errno 27] File too large" in result.feedback


def test_one_program_sees_nothing_of_another(tmp_path: Path) -> None:
    spoil = (
        "import builtins, json, os, random, sys, numpy\n"
        "def solve():\n"
        "    builtins.len = json.loads = numpy.min = None\n"
        "    numpy.random.seed(5); random.seed(5)\n"
        "    sys.modules['math'] = sys.path[:] = []\n"
        "    builtins.left = os.environ['left'] = 'left'\n"
        "    os.chdir('/')"
    )
    look = (
        "import builtins, json, math, os, random, sys, numpy\n"
        "def solve():\n"
        "    kept = [len([1]), json.loads('2'), int(numpy.min([3])), math.floor(4.5), bool(sys.path)]\n"
        "    left = [hasattr(builtins, 'left'), 'left' in os.environ, os.getcwd() == '/']\n"
        "    return kept, left, [random.random(), numpy.random.random(), str({'a', 'b', 'c', 'd'})]"
    )
    with Sandbox(toy_problem(tmp_path, candidate={"preload": ["numpy"]})) as box:
        before = box.output(look)
        assert before[:2] == ([1, 2, 3, 4, True], [False] * 3)
        box.run(spoil)
        assert box.output(look) == before  # the shared generators and the order of sets repeat too


def test_several_programs_run_at_once(sandbox: Sandbox, tmp_path: Path) -> None:
    meet = (
        "import os, time\n"
        "def solve(folder, me, other):\n"
        "    open(f'{folder}/{me}', 'w').close()\n"
        "    while not os.path.exists(f'{folder}/{other}'): time.sleep(0.005)\n"
        "    return me"
    )

    async def both() -> list[RunResult]:
        names: list[dict[str, Any]] = [
            {"me": "a", "other": "b"},
            {"me": "b", "other": "a"},
            {"me": "c", "other": "a"},
        ]
        return await asyncio.gather(
            *(sandbox.executor.run(meet, "solve", {"folder": str(tmp_path), **n}, LIMITS) for n in names)
        )

    assert [decode(result.output) for result in sandbox.do(both())] == ["a", "b", "c"]


# -- forgery -------------------------------------------------------------------------------------


def forged(data: bytes) -> str:
    return f"import os\ndef solve():\n    os.write(3, {data!r})\n    os._exit(0)"


def head(kind: bytes, size: int) -> bytes:
    return struct.pack("<cQ", kind, size)


def test_forged_data_is_judged_like_any_other(sandbox: Sandbox) -> None:
    result = sandbox.run(forged(head(b"R", len(encode(0.75))) + encode(0.75)))
    assert result.status == "ok"
    assert sandbox.judge(result.output).metrics["value"] == 0.75
    result = sandbox.run(forged(head(b"R", 7) + b"\x80\x04pickle"))
    verdict = sandbox.judge(result.output)
    assert verdict.status == "invalid"
    assert "the returned data cannot be read: must begin with" in verdict.feedback
    assert verdict.metrics == {}


def test_an_impossible_array_does_not_hurt_the_scorer(sandbox: Sandbox) -> None:
    data = b"EV1a" + struct.pack("<BB3Q", 11, 3, 2**31, 2**31, 0)
    assert sandbox.judge(data).status == "invalid"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"R", "ended without a result"),
        (head(b"R", 2**63) + b"x", "ended without a result"),
        (head(b"?", 0), "ended without a result"),
        (head(b"E", 3) + b"abc", "ended with an error that cannot be read"),
        (head(b"E", len(encode([]))) + encode([]), "ended with an error that cannot be read"),
        (head(b"E", len(encode({}))) + encode({}), "ended with an error that cannot be read"),
    ],
    ids=["short", "long", "kind", "garbled error", "wrong error", "empty error"],
)
def test_other_forgeries_are_failures(sandbox: Sandbox, data: bytes, message: str) -> None:
    result = sandbox.run(forged(data))
    assert (result.status, result.output) == ("failed", b"")
    assert result.feedback.startswith(message)
