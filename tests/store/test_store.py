"""The store's contract: what a batch, a reader and a file of another kind do."""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import RunError, StoreError, UsageError
from evolve.store import SCHEMA_VERSION, Batch, Reader, Writer

RUN = {
    "problem": "toy",
    "problem_digest": "0" * 64,
    "seed": 1,
    "config": {"window": 8},
    "version": "1",
    "created_at": "2026-01-01T00:00:00+00:00",
}


def commit(number: int, *, objective: float | None = 0.5, text: str = "", parent: int | None = None) -> Batch:
    """Return the batch of one program with all that belongs to it."""
    text = text or f"program {number}"
    digest = hashlib.sha256(text.encode()).hexdigest()
    status = "invalid" if objective is None else "valid"
    program = {
        "id": number,
        "seq": number,
        "source": digest,
        "code_hash": digest.encode(),
        "island": 0,
        "operator": "jitter" if parent else "seed",
        "arm": "jitter" if parent else "seed",
        "change": "changed",
        "model": None,
        "calls": 0,
        "tokens": 0,
        "usd": 0.0,
        "cost": 0.0,
        "seed": 7,
        "saw": max(0, number - 1),
        "at_s": float(number),
    }
    evaluation = {
        "program": number,
        "status": status,
        "objective": objective,
        "measures": None if objective is None else [0.1],
        "metrics": {} if objective is None else {"value": objective},
        "cases": {},
        "feedback": "fine",
        "duplicate_of": None,
        "wall_s": 0.1,
    }
    return Batch(
        sources=[{"hash": digest, "text": text}],
        programs=[program],
        parentage=[{"child": number, "position": 0, "parent": parent}] if parent else [],
        evaluations=[evaluation],
        archive_events=[archive_event(number)] if objective is not None else [],
        events=[event("best", number)],
    )


def archive_event(number: int) -> dict[str, Any]:
    return {"seq": number, "program": number, "island": 0, "cell": 3, "status": 2, "gain": 0.0}


def event(kind: str, ticket: int | None) -> dict[str, Any]:
    return {"ticket": ticket, "kind": kind, "at": "2026-01-01T00:00:00+00:00", "at_s": 1.0, "data": {}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with an empty run."""
    Writer(tmp_path, RUN).close()
    return tmp_path


@pytest.fixture
def writer(folder: Path) -> Iterator[Writer]:
    with closing(Writer(folder)) as opened:
        yield opened


@pytest.fixture
def reader(folder: Path) -> Iterator[Reader]:
    with Reader(folder) as opened:
        yield opened


def change(folder: Path, statement: str, *values: object) -> None:
    with closing(sqlite3.connect(folder / "run.db")) as connection:
        connection.execute(statement, values)
        connection.commit()


def test_an_empty_run(reader: Reader) -> None:
    assert reader.run().config == {"window": 8}
    assert (reader.last_id(), reader.statuses(), reader.arms()) == (0, {}, [])
    assert list(reader.commits()) == []
    assert reader.best(maximize=True) is None
    with pytest.raises(UsageError, match=r"program 1: this run has no programs yet\."):
        reader.commit(1)


def test_a_commit_comes_back_as_it_was(writer: Writer, reader: Reader) -> None:
    writer.write(commit(1, objective=0.1 + 0.2))
    writer.write(commit(2, parent=1, text="x = 1\r\n\ttext\n"))
    found = reader.commit(2)
    assert (found.program.operator, found.parents, found.evaluation.status) == ("jitter", (1,), "valid")
    assert reader.commit(1).evaluation.objective == 0.1 + 0.2
    assert reader.text(2) == "x = 1\r\n\ttext\n"
    assert reader.arms() == [("jitter", 1, 1, 1, 0, 0, 0.0), ("seed", 1, 1, 1, 0, 0, 0.0)]


def test_parents_keep_their_order(writer: Writer, reader: Reader) -> None:
    for number in (1, 2):
        writer.write(commit(number))
    batch = commit(3)
    batch.parentage = [{"child": 3, "position": 1, "parent": 1}, {"child": 3, "position": 0, "parent": 2}]
    writer.write(batch)
    assert reader.commit(3).parents == (2, 1)


def test_readers_see_every_commit_while_the_writer_is_open(writer: Writer, reader: Reader) -> None:
    for number in range(1, 6):
        writer.write(commit(number))
        assert reader.last_id() == number


def test_a_batch_that_fails_half_way_leaves_nothing(writer: Writer, reader: Reader) -> None:
    writer.write(commit(1))
    before = reader.digest(), len(reader.events())
    batch = commit(2)
    batch.archive_events = [archive_event(2)]
    batch.events.append({**event("best", 2), "kind": None})
    with pytest.raises(StoreError, match="NOT NULL"):
        writer.write(batch)
    assert (reader.digest(), len(reader.events())) == before
    with pytest.raises(UsageError, match="has programs 1 to 1"):
        reader.text(2)
    writer.write(commit(2))
    assert reader.last_id() == 2, "the writer goes on after an error"


def test_equal_texts_are_stored_once(writer: Writer, reader: Reader, folder: Path) -> None:
    writer.write(commit(1, text="same"))
    writer.write(commit(2, text="same"))
    assert reader.text(1) == reader.text(2) == "same"
    with closing(sqlite3.connect(folder / "run.db")) as connection:
        assert connection.execute("SELECT count(*) FROM source").fetchone() == (1,)


@pytest.mark.parametrize("page", [1, 3, 500])
def test_the_cursor_goes_through_all_commits_in_order(writer: Writer, reader: Reader, page: int) -> None:
    for number in range(1, 8):
        writer.write(commit(number, parent=number - 1 or None))
    assert [c.program.id for c in reader.commits(page=page)] == [1, 2, 3, 4, 5, 6, 7]
    assert [c.parents for c in reader.commits(after=5, page=page)] == [(5,), (6,)]
    assert list(reader.commits(after=7, page=page)) == []


def test_events_are_read_by_cursor_and_by_kind(writer: Writer, reader: Reader) -> None:
    writer.write(Batch(events=[event("started", None), event("best", 1), event("stopped", 1)]))
    assert [e.kind for e in reader.events()] == ["started", "best", "stopped"]
    second = reader.events()[1].id
    assert second is not None
    assert [e.kind for e in reader.events(after=second)] == ["stopped"]
    assert [e.ticket for e in reader.events(kind="best")] == [1]


def test_the_best_is_the_earliest_among_equals(writer: Writer, reader: Reader) -> None:
    for number, objective in enumerate([0.2, 0.9, None, 0.9, 0.2], start=1):
        writer.write(commit(number, objective=objective))
    high, low = reader.best(maximize=True), reader.best(maximize=False)
    assert high is not None
    assert low is not None
    assert (high.program.id, low.program.id) == (2, 1)
    assert reader.statuses() == {"invalid": 1, "valid": 4}


DECISIVE = [
    "UPDATE program SET source = (SELECT source FROM program WHERE id = 2) WHERE id = 1",
    "UPDATE program SET saw = 0 WHERE id = 2",
    "UPDATE evaluation SET objective = 0.5000000000000001 WHERE program = 1",
    "UPDATE evaluation SET metrics = '{\"value\": 0.25}' WHERE program = 1",
    "UPDATE archive_event SET status = 1 WHERE program = 1",
    "UPDATE archive_event SET cell = 4 WHERE program = 1",
    "UPDATE parentage SET parent = 2",
]
INCIDENTAL = [
    "UPDATE program SET at_s = 99",
    "UPDATE evaluation SET wall_s = 99",
    "UPDATE event SET at_s = 99, at = 'later'",
    "UPDATE evaluation SET feedback = 'other words'",
]


@pytest.mark.parametrize("statement", [*DECISIVE, *INCIDENTAL])
def test_the_digest_tells_runs_apart_by_what_they_found_and_not_by_time(folder: Path, statement: str) -> None:
    with closing(Writer(folder)) as writer:
        writer.write(commit(1))
        writer.write(commit(2, parent=1))
    with Reader(folder) as reader:
        before = reader.digest()
    change(folder, statement)
    with Reader(folder) as reader:
        assert (reader.digest() == before) == (statement in INCIDENTAL)


def test_one_writer_at_a_time(writer: Writer, folder: Path) -> None:
    with pytest.raises(RunError, match=r"is in progress in another process \(pid \d+\)\. Wait for it"):
        Writer(folder)
    writer.close()
    Writer(folder).close()


def test_a_folder_without_a_run(tmp_path: Path) -> None:
    for opened in (Reader, Writer):
        with pytest.raises(RunError, match=r"is not a run: it holds no run\.db"):
            opened(tmp_path)
    assert list(tmp_path.iterdir()) == [], "looking leaves nothing behind"


@pytest.mark.parametrize(
    ("version", "error", "message"),
    [
        (SCHEMA_VERSION + 1, StoreError, "made by a newer version. Upgrade evolve"),
        (0, RunError, "holds no run: its tables are missing"),
    ],
)
def test_other_schema_versions_are_refused_untouched(
    folder: Path, version: int, error: type[Exception], message: str
) -> None:
    change(folder, "PRAGMA journal_mode = DELETE")
    change(folder, f"PRAGMA user_version = {version}")
    before = (folder / "run.db").read_bytes()
    for opened in (Reader, Writer):
        with pytest.raises(error, match=message):
            opened(folder)
    assert (folder / "run.db").read_bytes() == before
    change(folder, f"PRAGMA user_version = {SCHEMA_VERSION}")
    Writer(folder).close()


def test_not_a_database(folder: Path) -> None:
    (folder / "run.db").write_bytes(b"something else " * 500)
    for opened in (Reader, Writer):
        with pytest.raises(RunError, match="is not a SQLite database, so its folder is no run"):
            opened(folder)


def test_no_damage_ends_in_an_error_of_another_kind(
    folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with closing(Writer(folder)) as writer:
        for number in range(1, 30):
            writer.write(commit(number, parent=number - 1 or None))
    data = (folder / "run.db").read_bytes()
    copy = tmp_path_factory.mktemp("copy")
    for place in range(0, len(data), 4999):
        damaged = data[:place] + bytes([data[place] ^ 0xA5]) * 40 + data[place + 40 :]
        (copy / "run.db").write_bytes(damaged[: len(data)])
        with contextlib.suppress(RunError, StoreError), Reader(copy) as reader:
            reader.run(), reader.digest(), reader.arms(), reader.events(), reader.stage_results()
            [reader.text(found.program.id) for found in reader.commits()]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE evaluation SET metrics = '{'", "UPDATE program SET source = 'none'", "DELETE FROM evaluation"],
)
def test_rows_that_make_no_sense_are_damage(folder: Path, statement: str) -> None:
    with closing(Writer(folder)) as writer:
        for number in (1, 2):
            writer.write(commit(number))
    change(folder, statement)
    with Reader(folder) as reader, pytest.raises(StoreError, match="the file is damaged"):
        (reader.commit(1), reader.text(1))


def test_a_line_follows_the_parents_that_were_changed(folder: Path, writer: Writer) -> None:
    for number, parent in ((1, None), (2, 1), (3, 1), (4, 3), (5, 4)):
        writer.write(commit(number, parent=parent))
    writer.write(Batch(parentage=[{"child": 5, "position": 1, "parent": 2}]))
    with Reader(folder) as reader:
        for page in (1, 2, 500):
            assert [found.program.id for found in reader.line(5, page)] == [1, 3, 4, 5]
        assert list(reader.line(5))[-1].parents == (4, 2)
        with pytest.raises(UsageError, match=r"program 9: this run has programs 1 to 5"):
            list(reader.line(9))


def test_a_line_with_a_gap_is_damage(folder: Path, writer: Writer) -> None:
    for number in (1, 2, 3):
        writer.write(commit(number, parent=number - 1 or None))
    with contextlib.closing(sqlite3.connect(folder / "run.db")) as damaged, damaged:
        damaged.execute("DELETE FROM evaluation WHERE program = 2")
    with Reader(folder) as reader, pytest.raises(StoreError, match=r"damaged .*program 2 is missing"):
        list(reader.line(3))


def test_launched_are_the_tickets_that_asked_and_are_not_committed(folder: Path, writer: Writer) -> None:
    writer.write(commit(1))
    sent = {"turn": 0, "attempt": 0, "model": "m", "purpose": "propose", "request": "r", "question": "q"}
    reserved = {"reserved_tokens": 1, "reserved_nano_usd": 1}
    asked = [(1, 0), (7, 1), (3, 1)]
    rows = [{"id": i, "ticket": t, "saw": saw, **sent, **reserved} for i, (t, saw) in enumerate(asked, 1)]
    writer.write(Batch(requests=rows))
    with Reader(folder) as reader:
        assert list(reader.launched().items()) == [(7, 1), (3, 1)]
