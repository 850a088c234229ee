from __future__ import annotations

import sqlite3
from pathlib import Path

from evolve.store import ResultCache


def test_what_is_kept_is_found_by_another_run(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    first = ResultCache(path)
    assert first.get(["a"]) == {}
    assert not path.exists(), "looking makes no file"
    first.put({"a": {"x": 1}, "b": {"x": 2.5}})
    assert ResultCache(path).get(["a", "b", "c"]) == {"a": {"x": 1}, "b": {"x": 2.5}}
    first.close()
    first.put({"c": {}})
    assert ResultCache(path).get(["c"]) == {}


def test_a_damaged_file_is_begun_anew_with_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    path.write_bytes(b"no database at all, but long enough to be taken for one" * 40)
    said: list[str] = []
    cache = ResultCache(path, warn=said.append)
    assert cache.get(["a"]) == {}
    cache.put({"a": {"x": 1}})
    assert cache.get(["a"]) == {"a": {"x": 1}}
    assert len(said) == 1
    assert "was damaged" in said[0]


def test_a_file_that_cannot_be_used_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "none" / "cache.db"
    said: list[str] = []
    cache = ResultCache(path, warn=said.append)
    cache.put({"a": {}})
    cache.put({"a": {}})
    assert cache.get(["a"]) == {}
    assert len(said) == 1


def test_rows_that_make_no_sense_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    ResultCache(path).put({"a": {"x": 1}})
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE result SET row = '[1'")
    assert ResultCache(path).get(["a"]) == {}


def test_the_oldest_go_first(tmp_path: Path) -> None:
    path = tmp_path / "cache.db"
    cache = ResultCache(path, most_rows=8)
    for number in range(12):
        cache.put({str(number): {"n": number}})
    cache.close()
    left = ResultCache(path).get([str(number) for number in range(12)])
    assert {"11", "10"} <= left.keys()
    assert len(left) <= 8
