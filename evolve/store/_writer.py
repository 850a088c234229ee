"""The engine's side of the store: the one writer of a run."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Connection, Table, bindparam
from sqlalchemy import insert as insert_into
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import SQLModel

from evolve.errors import RunError
from evolve.store import _schema as schema
from evolve.store._live import LOCK_FILE
from evolve.store._open import check_schema, driver_of, readonly_engine, translated, writable_engine
from evolve.store._sqlite import SCHEMA_VERSION, run_file

Row = dict[str, Any]
_LOCK_ATTEMPTS = 10
_LOCK_PAUSE_S = 0.02


@dataclass(slots=True)
class Batch:
    """Rows for one transaction, by table; text is deduplicated by content."""

    sources: list[Row] = field(default_factory=list)
    programs: list[Row] = field(default_factory=list)
    parentage: list[Row] = field(default_factory=list)
    evaluations: list[Row] = field(default_factory=list)
    stage_results: list[Row] = field(default_factory=list)
    archive_events: list[Row] = field(default_factory=list)
    migrations: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    hypotheses: list[Row] = field(default_factory=list)
    lessons: list[Row] = field(default_factory=list)
    payloads: list[Row] = field(default_factory=list)
    requests: list[Row] = field(default_factory=list)
    replies: list[Row] = field(default_factory=list)


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


_NUMBERED = (schema.Program, schema.ModelRequest)
"""Tables whose ids the engine gives; the others are numbered by SQLite."""
_DIALECT = sqlite_dialect(paramstyle="qmark")


class _Insert:
    """An insertion compiled once, for the driver: SQLAlchemy's way there costs more than SQLite itself."""

    def __init__(self, model: type[SQLModel], *, once: bool = False) -> None:
        table = _table(model)
        columns = [column for column in table.columns if column.name != "id" or model in _NUMBERED]
        statement = sqlite_insert(table).values({column.name: bindparam(column.name) for column in columns})
        compiled = (statement.on_conflict_do_nothing() if once else statement).compile(dialect=_DIALECT)
        self._sql = str(compiled)
        self._names = tuple(compiled.positiontup or ())
        self._json = {column.name for column in columns if isinstance(column.type, JSON)}

    def execute(self, connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
        """Insert the rows, each of which names every column."""
        connection.executemany(self._sql, [self._values(row) for row in rows])

    def _values(self, row: Row) -> tuple[Any, ...]:
        return tuple(
            json.dumps(row[name]) if name in self._json and row[name] is not None else row[name]
            for name in self._names
        )


_INSERTS = {
    "sources": _Insert(schema.Source, once=True),
    "programs": _Insert(schema.Program),
    "parentage": _Insert(schema.Parentage),
    "evaluations": _Insert(schema.EvaluationRow),
    "stage_results": _Insert(schema.StageResultRow),
    "archive_events": _Insert(schema.ArchiveEvent),
    "migrations": _Insert(schema.MigrationRow),
    "events": _Insert(schema.Event),
    "hypotheses": _Insert(schema.HypothesisRow),
    "lessons": _Insert(schema.LessonRow),
    "payloads": _Insert(schema.Payload, once=True),
    "requests": _Insert(schema.ModelRequest),
    "replies": _Insert(schema.ModelReply),
}
"""By the field of a batch; in an order in which every row finds what it refers to."""


def insert(connection: sqlite3.Connection, batch: Batch) -> None:
    """Insert the rows of a batch, within the transaction that the connection is in."""
    for name, insertion in _INSERTS.items():
        if rows := getattr(batch, name):
            insertion.execute(connection, rows)


class Writer:
    """The only writer of `run.db`.

    Owned by the engine's thread. A batch is one transaction: after `write` returns it survives a
    kill of the process, and before that none of it is visible. Readers are never blocked. A lock
    file keeps a second engine out.
    """

    def __init__(self, folder: Path, run: Row | None = None) -> None:
        """Open a run's store, or create it.

        Args:
            folder: The run's folder, existing.
            run: The row of the `run` table, to create a new store.

        Raises:
            RunError: another process is writing to the run, or the folder is no run.
            StoreError: the file cannot be written, or has another schema version.
        """
        self._path = run_file(folder) if run is None else folder / "run.db"
        self._lock = _take_lock(folder)
        try:
            self._connection = self._open(run)
        except BaseException:
            os.close(self._lock)
            raise
        self._driver = driver_of(self._connection)
        self._opened = True

    def _open(self, run: Row | None) -> Connection:
        if run is None:
            _check_untouched(self._path)
        self._engine = writable_engine(self._path)
        with translated(self._path):
            connection = self._engine.connect()
            if run is not None:
                SQLModel.metadata.create_all(connection, tables=[_table(m) for m in _MODELS])
                connection.execute(insert_into(_table(schema.Run)), [run])
                connection.commit()
                # last: a file with this version is complete
                connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA_VERSION}")
                connection.commit()
        return connection

    def write(self, batch: Batch) -> None:
        """Write a batch in one transaction.

        Raises:
            StoreError: it could not be written; nothing of it was.
        """
        if not any(getattr(batch, name) for name in _INSERTS):
            return
        with translated(self._path), self._driver:  # one transaction
            insert(self._driver, batch)

    @contextlib.contextmanager
    def raw(self) -> Iterator[Connection]:
        """Lend the connection, to copy whole runs; meanwhile its user begins and ends the transactions."""
        with self._engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")

    def close(self) -> None:
        """Close the file and let other engines in; closing again does nothing."""
        if not self._opened:
            return
        self._opened = False
        self._connection.close()
        self._engine.dispose()
        os.close(self._lock)


_MODELS = (
    schema.Run,
    schema.Source,
    schema.Program,
    schema.Parentage,
    schema.EvaluationRow,
    schema.StageResultRow,
    schema.ArchiveEvent,
    schema.MigrationRow,
    schema.Event,
    schema.HypothesisRow,
    schema.LessonRow,
    schema.Payload,
    schema.ModelRequest,
    schema.ModelReply,
)


def _check_untouched(path: Path) -> None:
    """Check the schema before anything could be written to the file."""
    engine = readonly_engine(path)
    try:
        check_schema(engine, path)
    finally:
        engine.dispose()


def _take_lock(folder: Path) -> int:
    path = folder / LOCK_FILE
    with translated(path):
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if not _locked(lock):
            owner = os.read(lock, 32).decode(errors="replace").strip() or "unknown"
            os.close(lock)
            raise RunError(
                f"{folder}: is in progress in another process (pid {owner}). Wait for it or stop it first."
            )
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
    return lock


def _locked(lock: int) -> bool:
    """Take the lock; a reader that looks whether the run is in progress holds it for an instant."""
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE_S)
        else:
            return True
    return False
