from __future__ import annotations

import asyncio
import os
import re
import struct
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evolve.sandbox import Limits, RunResult, decode, encode
from tests.conftest import toy_problem
from tests.sandbox.helpers import LIMITS, POLICIES_HERE, Sandbox, descendants

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes through /proc")

SHORT = Limits(wall_s=0.25, memory_mb=64)


@pytest.fixture(scope="module", params=POLICIES_HERE)
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """One sandbox for all tests that leave it as it was; under both policies."""
    folder = toy_problem(tmp_path_factory.mktemp("problem"))
    with Sandbox(folder, workers=2, policy=request.param) as box:
        yield box


# -- results and failures ------------------------------------------------------------------------


def test_a_result_comes_back(sandbox: Sandbox) -> None:
    result = sandbox.run("def solve(n, word):\n    print('hello')\n    return [word] * n", n=2, word="ä")
    assert (result.status, result.feedback, result.printed) == ("ok", "", "hello\n")
    assert decode(result.output) == ["ä", "ä"]
    assert result.wall_s > 0
    assert result.cpu_s >= 0


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


# Leaves a process behind in a session of its own, two generations down, which says when it is there.
ORPHAN = """
import os, time
def solve(then):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            open("there", "w").close()
            while True: time.sleep(1)
        os._exit(0)
    while not os.path.exists("there"):
        time.sleep(0.005)
    if then == "raise":
        raise ValueError
    if then == "crash":
        os._exit(1)
    while then == "hang":
        time.sleep(1)
"""


@pytest.mark.parametrize("then", ["return", "raise", "crash", "hang"])
def test_nothing_outlives_the_call(sandbox: Sandbox, then: str) -> None:
    before = descendants()
    result = sandbox.run(ORPHAN, Limits(wall_s=0.5 if then == "hang" else 10.0), then=then)
    assert result.status == {"return": "ok", "hang": "timeout"}.get(then, "failed")
    assert descendants() == before


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
        "import os\n"
        "def is_open(number):\n"
        "    try: return bool(os.fstat(number))\n"
        "    except OSError: return False\n"
        "def solve(): return [n for n in range(70_000) if is_open(n)]"
    )
    assert sandbox.output(listing) == [0, 1, 2, 3]


@pytest.mark.parametrize("policy", POLICIES_HERE)
def test_the_environment_holds_nothing_of_the_users(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "canary-3141")
    monkeypatch.setenv("PYTHONSTARTUP", "canary-3141")
    program = "import os\ndef solve():\n    return [dict(os.environ), os.getcwd()]"
    with Sandbox(toy_problem(tmp_path), policy=policy) as box:
        environment, folder = box.output(program)
    assert "canary-3141" not in str(environment)
    assert not {"PATH", "USER", "OPENAI_API_KEY", "PYTHONSTARTUP"} & environment.keys()
    assert environment["HOME"] == environment["TMPDIR"] == folder


def test_the_engines_own_environment_cannot_be_read(sandbox: Sandbox) -> None:
    if not {"own_root", "landlock_files"} & set(sandbox.layers()):
        pytest.skip("needs the layer own_root or landlock_files")
    result = sandbox.run("def solve(pid):\n    return open(f'/proc/{pid}/environ').read()", pid=os.getpid())
    assert re.search("PermissionError|FileNotFoundError", result.feedback)


def test_the_scratch_folder_is_private_writable_and_fresh(sandbox: Sandbox) -> None:
    program = (
        "import os\n"
        "def solve():\n"
        "    left = os.listdir('.')\n"
        "    with open('file', 'w') as file: file.write('x')\n"
        "    return [os.getcwd(), left, os.stat('.').st_mode & 0o777, os.stat('file').st_mode & 0o777]"
    )
    first, second = sandbox.output(program), sandbox.output(program)
    assert first[1:] == second[1:] == [[], 0o700, 0o600]
    assert not os.path.exists(first[0])


@pytest.mark.parametrize(
    "mess",
    [
        "for _ in range(1500): os.mkdir('d'); os.chdir('d')",
        "os.makedirs('a/b/c'); os.chmod('a/b', 0); os.chmod('a', 0)",
        "os.symlink('/', 'root'); os.symlink('nothing', 'dangling')",
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
    result = sandbox.run(program, Limits(wall_s=10, scratch_mb=1))
    assert re.search(r"OSError: \[Errno (27|28)\] (File too large|No space left)", result.feedback)


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


def test_several_programs_run_at_once_and_more_wait(sandbox: Sandbox) -> None:
    clock = (
        "import time\n"
        "def solve():\n"
        "    start = time.monotonic()\n"
        "    time.sleep(0.2)\n"
        "    return [start, time.monotonic()]"
    )

    async def three() -> list[RunResult]:
        return await asyncio.gather(*(sandbox.executor.run(clock, "solve", {}, LIMITS) for _ in range(3)))

    (first, second, third) = sorted(decode(result.output) for result in sandbox.do(three()))
    assert second[0] < first[1]
    assert third[0] >= min(first[1], second[1])


# -- several cases in one process ----------------------------------------------------------------


def together(sandbox: Sandbox, program: str, *cases: dict[str, Any], limits: Limits = LIMITS) -> RunResult:
    result = sandbox.do(sandbox.executor.run(program, "solve", cases, limits))
    assert isinstance(result, RunResult)
    return result


def test_several_cases_run_in_one_process(sandbox: Sandbox) -> None:
    program = "seen = []\ndef solve(n):\n    seen.append(n)\n    return list(seen)"
    result = together(sandbox, program, {"n": 1}, {"n": 2}, {"n": 3})
    assert [decode(output) for output in decode(result.output)] == [[1], [1, 2], [1, 2, 3]]


def test_the_case_that_fails_is_named(sandbox: Sandbox) -> None:
    result = together(sandbox, "def solve(n):\n    return 1 // n", {"n": 1}, {"n": 0}, {"n": 2})
    assert (result.status, result.output) == ("failed", b"")
    assert result.feedback.startswith("ZeroDivisionError")
    assert result.feedback.endswith("when called as solve(n=0)")


def test_several_cases_share_the_time_and_the_size(sandbox: Sandbox) -> None:
    slow = together(sandbox, "def solve():\n    while True: pass", {}, {}, limits=SHORT)
    assert slow.status == "timeout"
    small = Limits(wall_s=10, output_bytes=1000)
    assert together(sandbox, "def solve():\n    return 'x' * 900", {}, limits=small).status == "ok"
    assert together(sandbox, "def solve():\n    return 'x' * 900", {}, {}, limits=small).status == "failed"


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


def frame(kind: bytes, value: Any) -> bytes:
    data = encode(value)
    return head(kind, len(data)) + data


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"R", "ended without a result"),
        (head(b"R", 2**63) + b"x", "ended without a result"),
        (head(b"?", 0), "ended without a result"),
        (head(b"E", 3) + b"abc", "ended with an error that cannot be read"),
        (frame(b"E", []), "ended with an error that cannot be read"),
        (frame(b"E", {}), "ended with an error that cannot be read"),
        (frame(b"E", {"kind": "", "message": 1, "trace": ""}), "ended with an error that cannot be read"),
        (frame(b"E", {"message": [[]] * 1000}), "ended with an error that cannot be read"),
    ],
    ids=["short", "long", "kind", "garbled error", "wrong error", "empty error", "number", "large error"],
)
def test_other_forgeries_are_failures(sandbox: Sandbox, data: bytes, message: str) -> None:
    result = sandbox.run(forged(data))
    assert (result.status, result.output) == ("failed", b"")
    assert result.feedback.startswith(message)


def test_a_forged_error_is_shortened(sandbox: Sandbox) -> None:
    error = {"kind": "error", "message": "m" * 20_000, "trace": "t" * 20_000}
    assert sandbox.run(forged(frame(b"E", error))).feedback == "m" * 4000 + "\n" + "t" * 4000


@pytest.mark.parametrize("before", ["b''", "struct.pack('<cQ', b'R', 4) + b'EV1N'"], ids=["error", "modules"])
def test_what_a_program_says_does_not_hold_up_the_engine(sandbox: Sandbox, before: str) -> None:
    """The engine is one thread: while it reads this for seconds, it cannot attend to other evaluations."""
    program = f"""
import os, struct
def solve():
    data = b"EV1l" + struct.pack("<I", 300_000) + b"a\\1\\0\\0" * 300_000
    first = {before}
    data = first + struct.pack("<cQ", b"M" if first else b"E", len(data)) + data
    while data:
        data = data[os.write(3, data) :]
    os._exit(0)
"""
    started = time.process_time()
    result = sandbox.run(program)
    assert time.process_time() - started < 1
    assert result.status == ("ok" if "R" in before else "failed")
