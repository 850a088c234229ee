from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import toy_problem
from tests.sandbox.helpers import LINUX, Sandbox, needs_namespaces
from tests.sandbox.layers.test_namespaces import CEILING

pytestmark = pytest.mark.skipif(not LINUX, reason="needs Linux")

PRIVILEGES = """
import ctypes, os

def solve():
    libc = ctypes.CDLL(None, use_errno=True)
    head = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = (ctypes.c_uint32 * 6)(*[1] * 6)
    assert libc.capget(head, sets) == 0
    return {
        "capabilities": list(sets),
        "bounding": [n for n in range(64) if libc.prctl(23, n, 0, 0, 0) == 1],
        "ambient": [n for n in range(64) if libc.prctl(47, 1, n, 0, 0) == 1],
        "no_new_privs": libc.prctl(39, 0, 0, 0, 0),
        "death signal": death_signal(libc),
        "ids": [*os.getresuid(), *os.getresgid()],
        "groups": os.getgroups(),
    }

def death_signal(libc):
    number = ctypes.c_int()
    libc.prctl(2, ctypes.byref(number))
    return number.value
"""


def test_no_privilege_is_left(strict: Sandbox) -> None:
    found = strict.output(PRIVILEGES)
    assert found["capabilities"] == [0] * 6
    assert (found["bounding"], found["ambient"]) == ([], [])
    assert (found["no_new_privs"], found["death signal"]) == (1, 9)


def test_root_becomes_nobody(strict: Sandbox) -> None:
    if os.geteuid() != 0:
        pytest.skip("needs root")
    found = strict.output(PRIVILEGES)
    assert set(found["ids"]) == {65534}
    assert found["groups"] == []
    for call in ("setuid(0)", "seteuid(0)", "setgid(0)", "setgroups([0])", "setresuid(0, 0, 0)"):
        assert strict.refusal(f"import os\nos.{call}") == "EPERM"


def test_the_process_policy_gains_nothing_either(either: Sandbox) -> None:
    found = either.output(PRIVILEGES)
    assert (found["no_new_privs"], found["death signal"]) == (1, 9)


@pytest.mark.parametrize(
    "call",
    [
        "mount(b'none', b'/scratch', b'tmpfs', 0, 0)",
        "unshare(0x10000000)",
        "chroot(b'/scratch')",
        "reboot(0)",
    ],
)
def test_what_needs_privileges_is_refused(strict: Sandbox, call: str) -> None:
    code = f"""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.{call} < 0:
        raise OSError(ctypes.get_errno(), "refused")
    """
    assert strict.refusal(code) == "EPERM"


def test_no_program_can_be_started(either: Sandbox) -> None:
    assert either.refusal("import os\nos.execv('/bin/true', ['true'])") == "EPERM"
    assert either.refusal("import subprocess\nsubprocess.run(['/bin/true'])") == "EPERM"


AS_USER = """
import json, sys
from pathlib import Path
from evolve.sandbox import Limits, decode
from tests.sandbox.helpers import Sandbox

with Sandbox(Path(sys.argv[1]), policy="strict") as box:
    limits = Limits(wall_s=10, processes=5)
    counts = [decode(box.run(sys.argv[2], limits, kind=kind).output) for kind in ("processes", "threads")]
    print(json.dumps({"layers": box.layers(), "counts": counts, "found": box.output(sys.argv[3])}))
"""


@needs_namespaces
def test_an_ordinary_user_gets_the_same(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[3])
    command = [sys.executable, "-c", AS_USER, str(toy_problem(tmp_path)), CEILING, PRIVILEGES]
    environment = {"PYTHONPATH": root, "PYTHONDONTWRITEBYTECODE": "1"}
    if os.geteuid() == 0:
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            pytest.skip("needs setpriv to become an ordinary user")
        user = [setpriv, "--reuid=65533", "--regid=65533", "--clear-groups"]
        try:
            check = "import subprocess, sys, tests; subprocess.run([sys.executable, '-c', ''], check=True)"
            subprocess.run(
                [*user, sys.executable, "-c", check], check=True, env=environment, capture_output=True
            )
        except (subprocess.CalledProcessError, OSError):
            pytest.skip("an ordinary user cannot run this interpreter")
        for folder in (tmp_path, *tmp_path.parents[:2]):
            folder.chmod(0o755)
        command = [*user, *command]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["counts"] == [4, 4]
    assert {"process_ceiling", "own_root", "dropped_capabilities"} <= set(said["layers"])
    assert said["found"]["capabilities"] == [0] * 6
    assert said["found"]["bounding"] == []
