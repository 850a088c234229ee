"""The mailbox of a run: what may be asked, who answers, and what a damaged file does."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import RunError, StoreError, UsageError
from evolve.store import (
    ENDED,
    REQUEST,
    REQUESTS_FILE,
    Batch,
    Doing,
    Mailbox,
    Pulse,
    Request,
    Unreadable,
    Writer,
    is_live,
    write_pulse,
)
from tests.store.test_store import RUN

PULSE = Pulse("2026-01-01T00:00:00+00:00", "running", 2, (Doing(7, "run", 0.5),), 3, 1, 40, 2.5)


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Path]:
    """Return the folder of a run whose engine is at work."""
    with closing(Writer(tmp_path, RUN)):
        yield tmp_path


@contextmanager
def raw(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / REQUESTS_FILE)) as connection, connection:
        yield connection


def put(folder: Path, kind: Any, arguments: Any) -> None:
    """Write a row as a stranger would."""
    with raw(folder) as connection:
        columns = "kind, arguments, asked_at, status, answer"
        row = (kind, arguments, "now", "waiting", "")
        connection.execute(f"INSERT INTO request ({columns}) VALUES (?, ?, ?, ?, ?)", row)


# -- asking ---------------------------------------------------------------------------------------------


def test_a_request_waits_until_it_is_answered(live: Path) -> None:
    viewer, engine = Mailbox(live), Mailbox(live)
    assert viewer.latest() == []
    first = viewer.ask("pause")
    second = viewer.ask("inject", text="x = 1", note="mine")
    assert [row.id for row in engine.waiting()] == [first, second] == [1, 2]
    asked = viewer.get(second)
    assert (asked.kind, asked.status, asked.answer, asked.answered_at) == ("inject", "waiting", "", None)
    assert asked.arguments == {"text": "x = 1", "island": None, "note": "mine"}
    engine.answer(first, "done", "paused")
    engine.answer(first, "refused", "too late")
    engine.answer(second, "refused", "no")
    assert [(row.id, row.status, row.answer) for row in viewer.latest()] == [
        (1, "done", "paused"),
        (2, "refused", "no"),
    ]
    assert viewer.get(1).answered_at is not None
    assert viewer.latest(after=1) == [viewer.get(2)]
    assert engine.waiting() == []


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        ("pauze", {}, "kind must be one of pause, .*got 'pauze'. Did you mean 'pause'"),
        ("pause", {"now": True}, "pause: now: unknown key"),
        ("workers", {}, "workers: count: is missing"),
        ("workers", {"count": 0}, "workers: count: must be greater than or equal to 1, got 0"),
        ("workers", {"count": "2"}, "workers: count: must be an integer, got '2'"),
        ("workers", {"count": True}, "must be an integer"),
        ("ban", {"program": -1}, "ban: program: must be greater"),
        ("ban", {"program": 2**63}, "ban: program: must be less"),
        ("inject", {"text": ""}, "inject: text: "),
        ("inject", {"text": "\ud800"}, "inject: text: must be a text"),
        ("inject", {"text": "x", "island": -1}, "inject: island: "),
        ("inject", {"text": "x", "note": "n" * 501}, "inject: note: must have at most 500 .* got 501"),
        ("inject", {"text": "x" * 2_000_001}, "inject: text: must have at most 2,000,000 .* got 2,000,001.$"),
        ("export", {"target": ""}, "export: target: "),
        ("export", {"target": "a\0b"}, "without a NUL"),
        ("export", {"target": "a", "program": 0}, "export: program: "),
    ],
)
def test_what_cannot_be_asked_is_said(live: Path, kind: str, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Mailbox(live).ask(kind, **arguments)
    assert not (live / REQUESTS_FILE).exists()


def test_a_relative_target_is_that_of_whoever_asks(live: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(live)
    mailbox = Mailbox(live)
    assert mailbox.get(mailbox.ask("export", target="best")).arguments["target"] == str(live / "best")


def test_an_unknown_request_is_said(live: Path) -> None:
    with pytest.raises(UsageError, match=r"request 3: .* holds none"):
        Mailbox(live).get(3)


def test_many_ask_at_once(live: Path) -> None:
    numbers: list[int] = []

    def ask() -> None:
        numbers.extend(Mailbox(live).ask("pin", program=1) for _ in range(5))

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == list(range(1, 21))


# -- live or not ------------------------------------------------------------------------------------------


def test_only_a_run_in_progress_is_asked(tmp_path: Path) -> None:
    assert not is_live(tmp_path)
    assert not is_live(tmp_path / "nowhere")
    writer = Writer(tmp_path, RUN)
    assert is_live(tmp_path)
    writer.close()
    assert not is_live(tmp_path)
    with pytest.raises(RunError, match="is not in progress, so nobody would answer"):
        Mailbox(tmp_path).ask("pause")


def test_what_waits_for_a_run_that_ended_is_refused(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path)
    with closing(Writer(tmp_path, RUN)):
        mailbox.ask("pause")
        mailbox.ask("stop")
    assert [(row.status, row.answer) for row in mailbox.latest()] == [("refused", ENDED)] * 2
    with raw(tmp_path) as connection:
        assert connection.execute("SELECT DISTINCT status FROM request").fetchall() == [("refused",)]


def test_what_was_done_before_a_kill_is_told_though_it_was_not_answered(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path)
    with closing(Writer(tmp_path, RUN)) as writer:
        request = mailbox.get(mailbox.ask("ban", program=3))
        data = {"id": request.id, "asked_at": request.asked_at, "status": "done", "answer": "it is banned"}
        other = {**data, "asked_at": "of an earlier file", "answer": "wrong"}
        rows = [{"ticket": 1, "kind": REQUEST, "at": "", "at_s": 0.0, "data": each} for each in (data, other)]
        writer.write(Batch(events=rows))
    assert (mailbox.get(1).status, mailbox.get(1).answer) == ("done", "it is banned")


def test_an_engine_settles_only_what_is_older_than_itself(live: Path) -> None:
    mailbox = Mailbox(live)
    mailbox.ask("pause")
    mailbox.settle(before="1999-01-01T00:00:00+00:00")
    assert mailbox.get(1).status == "waiting"
    mailbox.settle(before="9999-01-01T00:00:00+00:00")
    assert mailbox.get(1).status == "refused"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_whoever_may_only_read_is_told_too(tmp_path: Path) -> None:
    with closing(Writer(tmp_path, RUN)):
        Mailbox(tmp_path).ask("pause")
    tmp_path.chmod(0o500)
    try:
        assert Mailbox(tmp_path).get(1).status == "refused"
    finally:
        tmp_path.chmod(0o700)


# -- a file that is none ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "arguments", "said"),
    [
        ("fly", "{}", "kind must be one of"),
        (b"\xff\x00", "{}", "kind must be one of"),
        ("ban", "{", "not JSON"),
        ("ban", "[]", "ban: "),
        ("ban", '{"program": "1; DROP TABLE request"}', "must be an integer"),
        ("ban", "[" * 100_000, "not JSON"),
        ("ban", b"\xff\xfe", "not JSON"),
        ("ban", "", "not JSON"),
        ("inject", '{"text": "' + "x" * 16_000_000 + '"}', "longer than"),
    ],
)
def test_a_row_that_is_no_request_is_told_apart(live: Path, kind: Any, arguments: Any, said: str) -> None:
    mailbox = Mailbox(live)
    mailbox.ask("pause")
    put(live, kind, arguments)
    first, second = mailbox.waiting()
    assert isinstance(first, Request)
    assert isinstance(second, Unreadable)
    assert said in second.why
    assert [row.id for row in mailbox.latest()] == [1]
    mailbox.settle()
    assert mailbox.waiting() == []


@pytest.mark.parametrize("content", [b"no database at all " * 100, b"SQLite format 3\0" + b"\xff" * 5000])
def test_a_file_that_is_no_mailbox_is_said(live: Path, content: bytes) -> None:
    (live / REQUESTS_FILE).write_bytes(content)
    with pytest.raises(StoreError, match=r"requests\.db"):
        Mailbox(live).waiting()


@pytest.mark.parametrize("write_ahead", [False, True])
def test_a_file_that_is_just_being_made_holds_nothing_yet(live: Path, write_ahead: bool) -> None:
    mailbox = Mailbox(live)
    with closing(sqlite3.connect(mailbox.path)) as maker:
        if write_ahead:
            maker.execute("PRAGMA journal_mode=WAL")
        else:
            mailbox.path.touch()
        assert mailbox.latest() == mailbox.waiting() == []
        with pytest.raises(UsageError, match="holds none of this number"):
            mailbox.get(1)
        mailbox.settle()
    assert mailbox.ask("pause") == 1
    assert [row.kind for row in mailbox.latest()] == ["pause"]


def test_another_table_or_version_is_said(live: Path) -> None:
    with raw(live) as connection:
        connection.execute("CREATE TABLE request (id TEXT, kind)")
        connection.execute("PRAGMA user_version = 1")
    with pytest.raises(StoreError, match=r"requests\.db"):
        Mailbox(live).waiting()
    with raw(live) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(StoreError, match="has version 2, this evolve knows 1"):
        Mailbox(live).ask("pause")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_a_pipe_or_folder_in_its_place_holds_nobody_up(live: Path, make: Any) -> None:
    make(live / REQUESTS_FILE)
    with pytest.raises(StoreError, match="must be a file, and is none"):
        Mailbox(live).waiting()


def test_a_table_without_end_is_given_up(live: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evolve.store._mailbox._MOST_S", 0.05)
    with raw(live) as connection:
        numbers = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)"
        texts = ("kind", "arguments", "asked_at", "status", "answer", "answered_at")
        columns = ", ".join(f"'x' || id AS {name}" for name in texts)
        connection.execute(f"CREATE VIEW request AS {numbers} SELECT id, {columns} FROM n")
        connection.execute("PRAGMA user_version = 1")
    with pytest.raises(StoreError, match="interrupted"):
        Mailbox(live).waiting()


def test_a_locked_file_is_not_waited_for(live: Path) -> None:
    Mailbox(live).ask("pause")
    with closing(sqlite3.connect(live / REQUESTS_FILE, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        engine = Mailbox(live, timeout_s=0.01)
        assert len(engine.waiting()) == 1, "reading goes on"
        with pytest.raises(StoreError, match="holds the database locked"):
            engine.answer(1, "done", "yes")


# -- the pulse ------------------------------------------------------------------------------


def test_the_pulse_is_that_of_a_live_run(tmp_path: Path) -> None:
    mailbox = Mailbox(tmp_path)
    with closing(Writer(tmp_path, RUN)):
        assert mailbox.pulse() is None
        write_pulse(tmp_path, PULSE)
        assert mailbox.pulse() == PULSE
    assert mailbox.pulse() is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"at": 1}', b"\xff", b"[" * 200_000])
def test_a_pulse_that_is_none_is_none(live: Path, content: bytes) -> None:
    (live / "pulse.json").write_bytes(content)
    assert Mailbox(live).pulse() is None


def test_a_pipe_is_no_pulse(live: Path) -> None:
    os.mkfifo(live / "pulse.json")
    assert Mailbox(live).pulse() is None


def test_looking_whether_a_run_is_live_does_not_take_its_lock(tmp_path: Path) -> None:
    with closing(Writer(tmp_path, RUN)):
        pass
    assert not is_live(tmp_path)
    lock = os.open(tmp_path / "run.lock", os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(lock)
