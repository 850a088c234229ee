from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import evolve
from evolve.sandbox import Limits
from evolve.sandbox._process import _environment
from evolve.sandbox._zygote_client import Zygote
from evolve.sandbox.layers import _root
from tests.conftest import toy_problem
from tests.sandbox.helpers import LINUX, POLICIES_HERE, Sandbox, body, needs_namespaces

pytestmark = pytest.mark.skipif(not LINUX, reason="needs Linux")


# -- what is there -------------------------------------------------------------------------------


def test_the_root_holds_what_is_shown_and_no_more(strict: Sandbox) -> None:
    expected = {path.split("/")[1] for path in (*_root.readable_paths(), *_root._SYSTEM)}
    found = strict.output("import os\ndef solve(): return os.listdir('/')")
    assert set(found) <= expected | {"dev", "scratch"}
    assert not {"proc", "sys", "home", "var", "run", "boot", "opt", "mnt"} & (set(found) - expected)


def test_there_are_few_devices(strict: Sandbox) -> None:
    found = strict.output("import os\ndef solve(): return sorted(os.listdir('/dev'))")
    assert found == ["full", "null", "random", "shm", "urandom"]
    program = body(
        """
        with open("/dev/null", "w") as null: null.write("x")
        with open("/dev/urandom", "rb") as random: return len(random.read(3))
        """
    )
    assert strict.output(program) == 3


def test_no_parent_of_what_is_shown_shows_its_other_contents(strict: Sandbox) -> None:
    # as the zygote sees it: pytest puts folders of its own on this process's path
    ask = (
        "import json; from evolve.sandbox.layers._root import readable_paths; "
        "print(json.dumps(readable_paths()))"
    )
    command = [sys.executable, "-s", "-P", "-c", ask]
    said = subprocess.run(command, env=_environment(1), cwd="/", capture_output=True, check=True)
    shown = [*json.loads(said.stdout), *filter(os.path.exists, _root._SYSTEM)]
    program = "import os\ndef solve(paths): return [os.listdir(os.path.dirname(p)) for p in paths.split(':')]"
    for path, found in zip(shown, strict.output(program, paths=":".join(shown)), strict=True):
        parent = Path(path).parent
        siblings = {name for other in shown for name in [_step_below(other, parent)] if name}
        if str(parent) != "/":
            assert set(found) == siblings


def _step_below(path: str, folder: Path) -> str:
    parts = Path(path).parts
    depth = len(folder.parts)
    return parts[depth] if parts[:depth] == folder.parts and len(parts) > depth else ""


@pytest.mark.parametrize(
    "name",
    ["sqlite3", "decimal", "json", "ctypes", "zoneinfo", "ssl", "lzma", "numpy.linalg", "scipy.optimize"],
)
def test_the_interpreters_modules_can_be_imported(either: Sandbox, name: str) -> None:
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        pytest.skip(f"needs {name}")
    program = f"import {name}\ndef solve(): return {name}.__name__"
    result = either.run(program, Limits(wall_s=60, memory_mb=1024))
    assert (result.status, result.feedback) == ("ok", "")


def test_shown_paths_are_absolute_and_none_lies_inside_another() -> None:
    paths = _root.readable_paths()
    assert all(path.startswith("/") for path in paths)
    assert not any(a != b and a.startswith(b + "/") for a in paths for b in paths)


# -- what is not ---------------------------------------------------------------------------------


def test_this_packages_files_are_hidden(strict: Sandbox) -> None:
    package = Path(evolve.__file__).parent
    find = "import os\ndef solve(path): return os.path.isdir(path) and os.listdir(path)"
    assert strict.output(find, path=str(package)) in (False, [])
    assert strict.output(find, path=str(package.parent / "problems")) in (False, [])


def test_the_problems_folder_is_hidden(either: Sandbox) -> None:
    scorer = either.executor._problem.scorer
    assert either.refusal(f"open({str(scorer)!r})") in {"ENOENT", "EACCES"}


@pytest.fixture
def public(tmp_path: Path) -> Path:
    """A problem with public data next to what is not."""
    folder = toy_problem(tmp_path, candidate={"readable": ["data", "one.txt"]})
    (folder / "data").mkdir()
    for name in ("data/table.csv", "one.txt", "other.txt"):
        (folder / name).write_text("1,2")
    (folder / "data" / "out").symlink_to(folder / "other.txt")
    return folder


@pytest.mark.parametrize("policy", POLICIES_HERE)
def test_public_data_can_be_read_and_nothing_else_of_the_folder(public: Path, policy: str) -> None:
    with Sandbox(public, policy=policy) as box:
        read = "def solve(path):\n    with open(path) as file: return file.read()"
        for name in ("data/table.csv", "one.txt"):
            assert box.output(read, path=str(public / name)) == "1,2"
        for name in ("other.txt", "score.py", "data/out"):
            assert box.refusal(f"open({str(public / name)!r})") in {"ENOENT", "EACCES"}
        for name in ("data/table.csv", "one.txt", "data/new", "new"):
            assert box.refusal(f"open({str(public / name)!r}, 'w')") in {"ENOENT", "EACCES", "EROFS"}
        if policy == "strict":
            listing = box.output("import os\ndef solve(path): return os.listdir(path)", path=str(public))
            assert sorted(listing) == ["data", "one.txt"]
    assert (public / "data" / "table.csv").read_text() == "1,2"


@needs_namespaces
def test_data_is_shown_even_inside_of_what_is_hidden(public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As for a problem that lies in a folder of the interpreter's."""
    with Sandbox(public) as box:
        (zygote,) = [helper for helper in box.executor._all if isinstance(helper, Zygote)]
        options = zygote._options()
        zygote.close()
        monkeypatch.setattr(
            zygote, "_options", lambda: options.replace(f'["{public}"]', f'["{public}", "/usr/share"]')
        )
        assert box.output("import os\ndef solve(): return os.listdir('/usr/share')") == []
        assert box.output(
            "import os\ndef solve(path): return os.path.exists(path)", path=str(public / "data")
        )


# -- what can be written -------------------------------------------------------------------------

# Every folder that can be seen, and what a program manages to do in it.
TRY_EVERYWHERE = """
import os

def solve():
    done = []
    for folder, folders, files in os.walk("/"):
        folders[:] = [name for name in folders if os.path.join(folder, name) != "/scratch"][:40]
        name = os.path.join(folder, "new")
        for action, call in {
            "create": lambda: open(name, "x"),
            "folder": lambda: os.mkdir(name),
            "link": lambda: os.symlink("/", name),
            "mode": lambda: os.chmod(folder, 0o777),
            "times": lambda: os.utime(folder),
            "write": lambda: [open(os.path.join(folder, f), "r+") for f in files[:3]],
            "remove": lambda: [os.unlink(os.path.join(folder, f)) for f in files[:3]] and None,
            "owner": lambda: os.chown(folder, os.getuid(), -1),
        }.items():
            try:
                call()
            except OSError:
                continue
            if files or action not in ("write", "remove"):
                done.append([action, folder])
    return done
"""


def test_nothing_but_the_scratch_folder_can_be_written(strict: Sandbox) -> None:
    found = strict.output(TRY_EVERYWHERE)
    assert [row for row in found if row != ["write", "/dev"]] == []  # to /dev/full and /dev/null


def test_the_root_cannot_be_written_either_by_way_of_a_link(strict: Sandbox) -> None:
    assert strict.refusal("import os\nos.symlink('/usr', 'u')\nopen('u/new', 'w')") in {"EROFS", "EACCES"}
    assert strict.refusal("import os\nos.rename('/dev/null', 'here')") in {"EXDEV", "EACCES", "EROFS"}
    assert strict.refusal("import os\nos.link('/etc/ld.so.cache', 'here')") in {"EXDEV", "EACCES", "EPERM"}


# -- the scratch folder --------------------------------------------------------------------------

SMALL = Limits(wall_s=10, scratch_mb=1, scratch_files=20)


def test_the_scratch_folder_has_a_size(strict: Sandbox) -> None:
    program = body(
        """
        import os
        written = 0
        try:
            for number in range(10):
                with open(str(number), "wb", buffering=0) as file: written += file.write(bytes(300_000))
        except OSError as error:
            return [written, error.errno]
        """
    )
    result = strict.run(program, SMALL)
    assert result.status == "ok", result.feedback
    (size,) = [
        strict.output("import os\ndef solve():\n    s = os.statvfs('.')\n    return s.f_blocks * s.f_bsize")
    ]
    assert size == 64 * 2**20
    assert strict.do(_decoded(strict, program))[0] <= 2**20


async def _decoded(box: Sandbox, program: str) -> list[int]:
    from evolve.sandbox import decode

    value = decode((await box.executor.run(program, "solve", {}, SMALL)).output)
    assert isinstance(value, list)
    assert value[1] == 28  # no space left on device
    return value


def test_the_scratch_folder_holds_a_number_of_files(strict: Sandbox) -> None:
    program = "import os\ndef solve():\n    for n in range(100): os.mkdir(str(n))"
    result = strict.run(program, SMALL)
    assert "OSError: [Errno 28] No space left on device: '19'" in result.feedback
    assert strict.run(program).status == "ok"


def test_every_program_finds_it_empty(strict: Sandbox) -> None:
    program = (
        "import os\ndef solve():\n    left = os.listdir('.')\n    open('left', 'w').close()\n    return left"
    )
    assert [strict.output(program) for _ in range(3)] == [[], [], []]


SHARED = """
from multiprocessing import shared_memory
import os

def free():
    return os.statvfs("/dev/shm").f_bavail * 4096

def solve():
    before = free()
    blocks = [shared_memory.SharedMemory(create=True, size=100_000) for _ in range(3)]
    for block in blocks:
        block.buf[:] = bytes([7]) * len(block.buf)
    if os.fork() == 0:
        again = shared_memory.SharedMemory(name=blocks[0].name)
        again.buf[0] = 9
        os._exit(0)
    os.wait()
    return [blocks[0].buf[0], blocks[1].buf[0], before - free() >= 300_000]
"""


def test_shared_memory_works_and_counts_as_scratch_space(strict: Sandbox) -> None:
    assert strict.output(SHARED) == [9, 7, True]
    assert strict.output("import os\ndef solve(): return os.listdir('/dev/shm')") == []


def test_a_pool_of_processes_works(strict: Sandbox) -> None:
    program = body(
        """
        from concurrent.futures import ProcessPoolExecutor
        from multiprocessing import get_context
        with ProcessPoolExecutor(2, mp_context=get_context("fork")) as pool:
            return list(pool.map(abs, [-1, -2]))
        """
    )
    assert strict.output(program) == [1, 2]
