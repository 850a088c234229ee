from __future__ import annotations

import pytest

from evolve.sandbox import Limits
from tests.sandbox.helpers import LINUX, Sandbox, body

pytestmark = pytest.mark.skipif(not LINUX, reason="needs Linux")

LIMITS = Limits(wall_s=10, memory_mb=64)
MESSAGE = "stopped: the program and its processes took more than 64 MiB"


@pytest.fixture
def watched(strict: Sandbox) -> Sandbox:
    if "memory_ceiling" not in strict.layers():
        pytest.skip("needs the layer memory_ceiling")
    return strict


def test_the_memory_of_all_processes_counts_together(watched: Sandbox) -> None:
    program = body(
        """
        import os, time
        for _ in range(4):
            if os.fork() == 0:
                kept = bytearray(30_000_000)
                time.sleep(9)
        time.sleep(9)
        """
    )
    result = watched.run(program, LIMITS)
    assert (result.status, result.feedback) == ("memory", MESSAGE)
    assert result.wall_s < 5


def test_memory_that_is_shared_counts_once(watched: Sandbox) -> None:
    program = body(
        """
        import os, time
        kept = bytearray(40_000_000)
        for _ in range(4):
            if os.fork() == 0:
                time.sleep(0.2)
                os._exit(0)
        while True:
            try: os.wait()
            except ChildProcessError: return len(kept)
        """
    )
    assert watched.output(program) == 40_000_000


def test_a_grandchild_in_a_session_of_its_own_counts_too(watched: Sandbox) -> None:
    program = body(
        """
        import os, time
        if os.fork() == 0:
            os.setsid()
            for _ in range(3):
                if os.fork() == 0:
                    kept = bytearray(40_000_000)
                    time.sleep(9)
            os._exit(0)
        time.sleep(9)
        """
    )
    assert watched.run(program, LIMITS).status == "memory"


def test_each_process_has_a_ceiling_even_without_the_watch(either: Sandbox) -> None:
    result = either.run(body("return bytearray(100_000_000)"), LIMITS)
    assert result.status == "memory"


def test_memory_that_nobody_could_count_is_refused(either: Sandbox) -> None:
    if "seccomp" not in either.layers():
        pytest.skip("needs the layer seccomp")
    assert either.refusal("import mmap\nmmap.mmap(-1, 4096, mmap.MAP_SHARED | mmap.MAP_ANONYMOUS)") == "EPERM"
    assert either.refusal("import mmap\nmmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)") == ""
    assert either.refusal("import os\nos.memfd_create('x')") == "EPERM"
    assert either.refusal("open('/dev/zero', 'r+b')") in {"ENOENT", "EACCES"}
