from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import StoreError, UsageError
from evolve.memory import Carried, Memory, load_memory
from evolve.prompts import Lesson

BLOCK = "import math\n\n\ndef f(x):\n    y = math.sin(x)\n    return y\n"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    memory = Memory("solve")
    memory.commit(3, BLOCK, reward=0.25)
    memory.learn([Lesson("Ends meet — “always”.", (3, 1))])
    memory.save(tmp_path, run="first", problem="toy")
    return tmp_path / "memory.json"


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_what_is_saved_is_carried_over(saved: Path) -> None:
    carried = load_memory(saved, "toy")
    assert carried.lessons == (Lesson("Ends meet — “always”.", (1, 3), "first"),)
    (block,) = carried.blocks
    assert (block.name, block.text, block.credit, block.uses) == ("f", BLOCK, 0.25, 1)
    assert (block.program, block.origin) == (3, "first")
    assert load_memory(saved.parent, "toy") == carried
    assert Memory("solve", carried=carried).blocks(1)[0].text == BLOCK


def test_a_second_run_hands_on_what_it_got(saved: Path) -> None:
    carried = load_memory(saved, "toy")
    Memory("solve", carried=carried).save(saved, run="second", problem="toy")
    assert load_memory(saved, "toy") == carried


def test_an_empty_memory_can_be_carried(tmp_path: Path) -> None:
    Memory("solve").save(tmp_path / "empty.json", run="r", problem="toy")
    assert load_memory(tmp_path / "empty.json", "toy") == Carried()
    assert [path.name for path in tmp_path.iterdir()] == ["empty.json"]


def test_the_file_can_be_read_by_people(saved: Path) -> None:
    assert '    "    y = math.sin(x)",\n' in saved.read_text()


def test_a_failure_to_write_leaves_the_old_file(saved: Path) -> None:
    before = saved.read_bytes()
    (saved.parent / "memory.json.new").mkdir()
    with pytest.raises(StoreError, match=r"memory\.json: cannot be written \(Is a directory\)"):
        Memory("solve").save(saved, run="r", problem="toy")
    assert saved.read_bytes() == before


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "is not valid JSON"),
        (b"\xff\xfe", "is not valid JSON"),
        (b"[" * 100_000, "is not valid JSON"),
        (b'{"version": ' + b"9" * 10_000 + b"}", "is not valid JSON"),
        (b"[]", "must be a memory with a version"),
        (b'{"version": true}', "must be a memory with a version"),
        (b'{"version": "1"}', "must be a memory with a version"),
        (b'{"version": 2, "new": []}', r"must be a memory of version 1, got 2: a newer Evolve"),
        (b'{"version": 0}', r"version: .*got 0"),
        (b'{"version": 1, "problem": ["toy"]}', r"must be a memory of the problem 'toy', got \['toy'\]"),
        (b'{"version": 1, "problem": "toy"}', r"run: is missing.*lessons: is missing"),
        (b" " * (4 * 2**20 + 1), "a memory must be no larger than 4 MiB"),
    ],
)
def test_what_is_no_memory_is_refused(tmp_path: Path, raw: bytes, message: str) -> None:
    path = tmp_path / "memory.json"
    path.write_bytes(raw)
    with pytest.raises(UsageError, match=f"(?s)^{re.escape(str(path))}: {message}.*[.]$"):
        load_memory(path, "toy")


def test_the_problem_must_be_the_same(saved: Path) -> None:
    with pytest.raises(UsageError, match=r"the problem 'other', got 'toy'.*pass the memory of a run of this"):
        load_memory(saved, "other")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"memory\.json: cannot be read as a memory \(No such file"):
        load_memory(tmp_path, "toy")


LESSON = {"text": "a b", "support": [1], "origin": "r"}
ROW = {"name": "f", "credit": 0.5, "uses": 1, "program": 1, "origin": "r", "code": BLOCK.split("\n")}


@pytest.mark.parametrize(
    ("key", "rows", "message"),
    [
        ("extra", 1, "extra: unknown key"),
        ("lessons", [LESSON | {"text": "x" * 301}], r"lessons\[0\]\.text: must have at most 300"),
        ("lessons", [LESSON | {"support": [-1]}], r"lessons\[0\]\.support\[0\]: .*got -1"),
        ("lessons", [LESSON | {"support": [1.0]}], r"lessons\[0\]\.support\[0\]: "),
        ("lessons", [LESSON | {"support": list(range(33))}], r"lessons\[0\]\.support: "),
        ("lessons", [LESSON | {"rank": 1}], r"lessons\[0\]\.rank: unknown key"),
        ("lessons", [LESSON | {"origin": ""}], r"lessons\[0\]\.origin: "),
        ("lessons", [LESSON] * 1001, "lessons: "),
        ("blocks", [ROW | {"credit": float("nan")}], r"blocks\[0\]\.credit: "),
        ("blocks", [ROW | {"credit": 1.5}], r"blocks\[0\]\.credit: .*got 1\.5"),
        ("blocks", [ROW | {"credit": True}], r"blocks\[0\]\.credit: "),
        ("blocks", [ROW | {"uses": 2**63}], r"blocks\[0\]\.uses: "),
        ("blocks", [ROW | {"uses": [0] * 10_000}], r"blocks\[0\]\.uses: "),
        ("blocks", [ROW, ROW | {"name": "g"}], r"blocks\[1\]\.code: must define a function 'g'"),
        ("blocks", [ROW | {"code": ["def f("]}], r"blocks\[0\]\.code: must define a function 'f'"),
        (
            "blocks",
            [ROW | {"code": ["def f(x):", " y = x", " return z"]}],
            r"blocks\[0\]\.code: must define a function",
        ),
        (
            "blocks",
            [ROW | {"code": ["def f(x):", " y = '\x1b'", " return y"]}],
            r"blocks\[0\]\.code: must define a function",
        ),
        (
            "blocks",
            [ROW | {"code": ["def f(x): return " + "(" * 9000]}],
            r"blocks\[0\]\.code: must define a function",
        ),
    ],
)
def test_forged_entries_are_refused_by_name(saved: Path, key: str, rows: Any, message: str) -> None:
    change(saved, **{key: rows})
    with pytest.raises(UsageError, match=f"memory.json: {message}") as caught:
        load_memory(saved, "toy")
    assert len(str(caught.value)) < 2000


def test_nothing_of_a_file_is_run_or_kept_beside_its_functions(saved: Path, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    code = [f"open({str(mark)!r}, 'w')", *BLOCK.split("\n"), "import os", "os.abort()"]
    change(saved, blocks=[ROW | {"code": code}])
    assert load_memory(saved, "toy").blocks[0].text == BLOCK
    assert not mark.exists()


def test_control_characters_of_lessons_are_dropped(saved: Path) -> None:
    change(saved, lessons=[LESSON | {"text": "a\x1b[1m\nb", "origin": "r\x07"}, LESSON | {"text": "\x00"}])
    assert load_memory(saved, "toy").lessons == (Lesson("a[1m b", (1,), "r"),)
