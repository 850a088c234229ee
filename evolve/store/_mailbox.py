"""Requests to a run in progress, and the engine's answers: a file of their own beside `run.db`."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from evolve.errors import EvolveError, RunError, StoreError, UsageError
from evolve.store._live import is_live
from evolve.store._pulse import Pulse, read_pulse
from evolve.store._request import MOST_CHARS, REQUEST, Answered, Request, checked
from evolve.store._sqlite import is_archived, translated

REQUESTS_FILE = "requests.db"
ENDED = "the run has ended; `evolve resume` goes on with it, then ask again"
_VERSION = 1
_TIMEOUT_S = 5.0
_MOST_S, _STEPS_A_LOOK = 5.0, 100_000
"""Longest time that SQLite may compute for one call, and its steps between two looks at the clock."""
_MOST_STORED = 8 * MOST_CHARS
"""Longest arguments, as JSON, that are read at all: a character may take six."""
_COLUMNS = "id, kind, arguments, asked_at, status, answer, answered_at"
_TABLE = """
CREATE TABLE IF NOT EXISTS request (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind VARCHAR NOT NULL,
  arguments VARCHAR NOT NULL, -- JSON
  asked_at VARCHAR NOT NULL, -- UTC, ISO 8601
  status VARCHAR NOT NULL, -- "waiting", "done" or "refused"
  answer VARCHAR NOT NULL,
  answered_at VARCHAR
)
"""
"""A row for each request; the engine fills the last three columns."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A waiting row that is no request of ours.

    Attributes:
        id: Its number.
        why: What is wrong with it.
    """

    id: int
    why: str


class Mailbox:
    """Where to ask something of a run in progress, and to look what came of it.

    Any number of processes may use one; an instance may be used from any thread. A file is opened for
    each call and closed after it, so that nobody holds it for long. `run.db` is never
    locked by this: the engine answers when it likes, and no request can make it wait.
    """

    def __init__(self, folder: Path, *, timeout_s: float = _TIMEOUT_S) -> None:
        """Prepare; nothing is opened yet.

        Args:
            folder: The run's.
            timeout_s: How long to wait for others that write to the file.
        """
        self.folder = folder
        self.path = folder / REQUESTS_FILE
        self._timeout_s = timeout_s

    # -- whoever asks ------------------------------------------------------------------------------

    def ask(self, kind: str, **arguments: Any) -> int:
        """Leave a request and return its id; the engine looks a few times a second.

        Args:
            kind: "pause", "resume", "stop", "workers", "inject", "pin", "unpin", "ban", "unban" or
                "export".
            arguments: workers: `count`, 1 to 1024. inject: `text`, `island` (omitted: all), `note`.
                pin, unpin, ban, unban: `program`. export: `target`, a folder, and `program` (omitted: the
                best).

        Raises:
            UsageError: the kind or an argument is wrong.
            RunError: the run is not in progress, so nobody would answer.
            StoreError: the file cannot be written.
        """
        known, given = checked(kind, arguments)
        if known == "export":
            given["target"] = str(Path(given["target"]).absolute())  # the engine may work elsewhere
        if not is_live(self.folder):
            raise RunError(
                f"{self.folder}: is not in progress, so nobody would answer. `evolve resume` goes on with a "
                "run; `evolve export` works on one that has ended."
            )
        row = (known, json.dumps(given), _now(), "waiting", "")
        insertion = "INSERT INTO request (kind, arguments, asked_at, status, answer) VALUES (?, ?, ?, ?, ?)"
        with self._connected(create=True) as connection:
            asked = connection.execute(insertion, row).lastrowid
        assert asked is not None
        return asked

    def get(self, request: int) -> Request:
        """Return a request with what became of it so far.

        Raises:
            UsageError: there is none of this id.
            StoreError: the file cannot be read.
        """
        found = [row for row in self._read("id = ?", (request,), 1) if isinstance(row, Request)]
        if not found:
            raise UsageError(f"request {request}: {self.path} holds none of this number.")
        return self._settled(found)[0]

    def latest(self, after: int = 0) -> list[Request]:
        """Return the requests after an id, oldest first; at most the last 500 of them.

        Raises:
            StoreError: the file cannot be read.
        """
        newest = self._read("id > ?", (after,), 500, newest=True)
        return self._settled([row for row in reversed(newest) if isinstance(row, Request)])

    def pulse(self) -> Pulse | None:
        """Return what the engine is doing, as of the last second; None when the run is not in progress."""
        return read_pulse(self.folder) if is_live(self.folder) else None

    # -- the engine --------------------------------------------------------------------------------

    def waiting(self, most: int = 50) -> list[Request | Unreadable]:
        """Return the first requests that wait, oldest first; raises StoreError."""
        return self._read("status = 'waiting'", (), most)

    def answer(self, request: int, status: Literal["done", "refused"], answer: str) -> None:
        """Answer a request that waits; one that has its answer keeps it. Raises StoreError."""
        self._answer([(status, answer, _now(), request)])

    def settle(self, before: str | None = None) -> None:
        """Answer what a session that is over has left waiting: as recorded in `run.db`, or refused.

        Args:
            before: Only what was asked before this time; None: all.

        Raises:
            StoreError: a file cannot be read or written.
        """
        while left := self.waiting():
            old = [
                row for row in left if before is None or isinstance(row, Unreadable) or row.asked_at < before
            ]
            if not old:
                return
            self._answer([(*self._end_of(row), _now(), row.id) for row in old])

    # ----------------------------------------------------------------------------------------------

    def _settled(self, found: list[Request]) -> list[Request]:
        """See to it that nothing waits for a run that has ended."""
        if all(row.status != "waiting" for row in found) or is_live(self.folder):
            return found
        ended = {row.id: self._end_of(row) for row in found if row.status == "waiting"}
        with contextlib.suppress(StoreError):  # whoever may only read is told all the same
            self.settle()
        now = _now()
        return [
            Request(row.id, row.kind, row.arguments, row.asked_at, *ended[row.id], now)
            if row.id in ended
            else row
            for row in found
        ]

    def _end_of(self, row: Request | Unreadable) -> tuple[Answered, str]:
        """Return what the engine did before it was killed, which may be more than it could say."""
        if isinstance(row, Unreadable):
            return "refused", row.why
        from evolve.store._reader import Reader  # 0.5 s, and seldom needed here

        with contextlib.suppress(EvolveError), Reader(self.folder) as reader:
            for event in reversed(reader.events(kind=REQUEST)):
                if event.data["id"] == row.id and event.data["asked_at"] == row.asked_at:
                    return event.data["status"], event.data["answer"]
        return "refused", ENDED

    def _answer(self, answers: Sequence[tuple[str, str, str, int]]) -> None:
        update = (
            "UPDATE request SET status = ?, answer = ?, answered_at = ? WHERE id = ? AND status = 'waiting'"
        )
        with self._connected() as connection:
            connection.executemany(update, answers)

    def _read(
        self, condition: str, values: tuple[int, ...], most: int, *, newest: bool = False
    ) -> list[Request | Unreadable]:
        """Return rows; what is too long is not even fetched."""
        if not self.path.exists():
            return []
        columns = _COLUMNS.replace(
            "arguments", f"CASE WHEN length(CAST(arguments AS BLOB)) <= {_MOST_STORED} THEN arguments END"
        )
        order = "id DESC" if newest else "id"
        query = f"SELECT {columns} FROM request WHERE {condition} ORDER BY {order} LIMIT {most}"
        with self._connected() as connection:
            if not connection.execute("PRAGMA user_version").fetchone()[0]:
                return []  # somebody is just making the file
            return [_request_of(row) for row in connection.execute(query, values)]

    @contextlib.contextmanager
    def _connected(self, *, create: bool = False) -> Iterator[sqlite3.Connection]:
        """Open the file for one transaction; raises StoreError."""
        with translated(self.path):
            if self.path.exists() and not self.path.is_file():
                raise StoreError(f"{self.path}: must be a file, and is none. Remove it.")
            try:
                with contextlib.closing(self._connect(create)) as connection, connection:
                    yield connection
            except (UnicodeError, OverflowError) as error:
                raise StoreError(
                    f"{self.path}: is damaged ({error}). Remove it while the run goes on."
                ) from None

    def _connect(self, create: bool) -> sqlite3.Connection:
        mode = "rwc" if create else "ro&immutable=1" if is_archived(self.path) else "rw"
        connection = sqlite3.connect(
            f"{self.path.resolve().as_uri()}?mode={mode}",
            uri=True,
            timeout=self._timeout_s,
            check_same_thread=False,
        )
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            if version == 0 and create:
                connection.execute(
                    "PRAGMA journal_mode=WAL"
                )  # who reads does not keep the engine from answering
                _create(connection)
            elif version not in (0, _VERSION):
                raise StoreError(
                    f"{self.path}: has version {version}, this evolve knows {_VERSION}. Ask with the version "
                    "of evolve that runs the engine, or remove the file."
                )
            connection.execute("PRAGMA synchronous=NORMAL")
            give_up = time.monotonic() + _MOST_S  # a view in place of the table could go on for ever
            connection.set_progress_handler(lambda: time.monotonic() > give_up, _STEPS_A_LOOK)
        except BaseException:
            connection.close()
            raise
        return connection


def _create(connection: sqlite3.Connection) -> None:
    """Make the table; of several who begin at once, one does."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_TABLE)
        connection.execute("CREATE INDEX IF NOT EXISTS ix_request_status ON request (status)")
        connection.execute(f"PRAGMA user_version = {_VERSION}")


def _request_of(row: tuple[Any, ...]) -> Request | Unreadable:
    """Check a row: anybody may have written it."""
    number, kind, arguments, asked_at, status, answer, answered_at = row
    if not isinstance(number, int):
        raise StoreError(f"a row of the table `request` has the id {number!r}, which is no number")
    if arguments is None:
        return Unreadable(number, f"its arguments are longer than {_MOST_STORED} bytes, or missing")
    try:
        known, given = checked(kind, json.loads(arguments))
    except UsageError as error:
        return Unreadable(number, str(error))
    except (ValueError, TypeError, RecursionError) as error:
        return Unreadable(number, f"its arguments are not JSON ({type(error).__name__})")
    texts = (asked_at, status, answer)
    if not all(isinstance(text, str) for text in texts) or not isinstance(answered_at, str | None):
        return Unreadable(number, "its columns are not text")
    if status not in ("waiting", "done", "refused"):
        return Unreadable(number, "its status is none")
    return Request(number, known, given, asked_at, status, answer, answered_at)


def _now() -> str:
    return datetime.now(UTC).isoformat()
