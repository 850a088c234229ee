"""The engine's side of the store: the one writer of a run."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlmodel import SQLModel

from evolve.errors import RunError
from evolve.store import _schema as schema
from evolve.store._open import check_schema, readonly_engine, translated, writable_engine

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


def _table(model: type[SQLModel]) -> Table:
    table: Table = model.__table__  # type: ignore[attr-defined]
    return table


_INSERT_ONCE = sqlite_insert(_table(schema.Source)).on_conflict_do_nothing()
_INSERTS = {
    "programs": insert(_table(schema.Program)),
    "parentage": insert(_table(schema.Parentage)),
    "evaluations": insert(_table(schema.EvaluationRow)),
    "stage_results": insert(_table(schema.StageResultRow)),
    "archive_events": insert(_table(schema.ArchiveEvent)),
    "migrations": insert(_table(schema.MigrationRow)),
    "events": insert(_table(schema.Event)),
}


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
        self._path = folder / "run.db"
        if run is None and not self._path.is_file():
            raise RunError(f"{folder}: is not a run: it holds no run.db. `evolve runs` lists the runs.")
        self._lock = _take_lock(folder)
        try:
            self._connection = self._open(run)
        except BaseException:
            os.close(self._lock)
            raise
        self._opened = True

    def _open(self, run: Row | None) -> Connection:
        if run is None:
            _check_untouched(self._path)
        self._engine = writable_engine(self._path)
        with translated(self._path):
            connection = self._engine.connect()
            if run is not None:
                SQLModel.metadata.create_all(connection, tables=[_table(m) for m in _MODELS])
                connection.execute(insert(_table(schema.Run)), [run])
                connection.commit()
                # last: a file with this version is complete
                connection.exec_driver_sql(f"PRAGMA user_version = {schema.SCHEMA_VERSION}")
                connection.commit()
        return connection

    def write(self, batch: Batch) -> None:
        """Write a batch in one transaction.

        Raises:
            StoreError: it could not be written; nothing of it was.
        """
        if not any(getattr(batch, name) for name in ("sources", *_INSERTS)):
            return
        with translated(self._path), self._connection.begin():
            if batch.sources:
                self._connection.execute(_INSERT_ONCE, batch.sources)
            for name, statement in _INSERTS.items():
                rows: Sequence[Row] = getattr(batch, name)
                if rows:
                    self._connection.execute(statement, list(rows))

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
    schema.ModelCall,
    schema.Event,
)


def _check_untouched(path: Path) -> None:
    """Check the schema before anything could be written to the file."""
    engine = readonly_engine(path)
    try:
        check_schema(engine, path)
    finally:
        engine.dispose()


def _take_lock(folder: Path) -> int:
    path = folder / "run.lock"
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
