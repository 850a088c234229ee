"""Open `run.db`: pragmas, the schema version, and errors that a user can act upon."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlalchemy.pool import StaticPool

from evolve.errors import RunError, StoreError
from evolve.store._schema import SCHEMA_VERSION

BUSY_TIMEOUT_MS = 10_000
_DAMAGED = "the file is damaged ({}). Restore it from a copy, or see what `sqlite3 run.db .recover` saves."


def writable_engine(path: Path) -> Engine:
    """Return an engine on the one writing connection.

    WAL with synchronous=NORMAL: a killed process loses nothing that was committed; a power cut may
    lose the last commits, never the file's integrity.
    """
    return _engine(path, "rwc", ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_TIMEOUT_MS}"))


def readonly_engine(path: Path) -> Engine:
    """Return an engine on a read-only connection that sees every commit so far."""
    mode = "ro&immutable=1" if is_archived(path) else "ro"
    return _engine(path, mode, (f"busy_timeout={BUSY_TIMEOUT_MS}", "query_only=ON"))


def is_archived(path: Path) -> bool:
    """Tell whether nobody writes the file and readers cannot even make SQLite's helper files beside it."""
    log = path.with_name(path.name + "-wal")
    return not os.access(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size)


def check_schema(engine: Engine, path: Path) -> None:
    """Refuse a file that is no run, or of another schema version.

    Raises:
        RunError: no SQLite file, or one without our tables.
        StoreError: another schema version.
    """
    with readable(path):
        try:
            with engine.connect() as connection:
                version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
                tables = connection.exec_driver_sql(
                    "SELECT count(*) FROM sqlite_master WHERE name = 'program'"
                ).scalar()
        except DBAPIError as error:
            if "not a database" in str(error.orig):
                raise RunError(
                    f"{path}: is not a SQLite database, so its folder is no run. Check the path."
                ) from None
            raise
    if version == 0 or not tables:
        raise RunError(
            f"{path}: holds no run: its tables are missing. The run was stopped before it began; start anew."
        )
    if version > SCHEMA_VERSION:
        raise StoreError(
            f"{path}: has schema version {version}, this evolve knows {SCHEMA_VERSION}: the run was made by "
            "a newer version. Upgrade evolve to read or resume it; the file was not changed."
        )
    if version < SCHEMA_VERSION:
        raise StoreError(
            f"{path}: has schema version {version}, this evolve needs {SCHEMA_VERSION}. Open it with the "
            "version of evolve that made it."
        )


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the database driver's errors into messages that say what to do."""
    try:
        yield
    except DBAPIError as error:
        raise StoreError(f"{path}: {_cause(str(error.orig))}") from error
    except sqlite3.Error as error:  # from the driver itself
        raise StoreError(f"{path}: {_cause(str(error))}") from error
    except OSError as error:
        hint = "Make the folder writable, or copy the run to one that is."
        text = (
            _cause("full") if error.errno == errno.ENOSPC else f"cannot be written ({error.strerror}). {hint}"
        )
        raise StoreError(f"{path}: {text}") from error


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Like `translated`, for reading: rows that make no sense are damage too."""
    try:
        with translated(path):
            yield
    except (ValueError, NoResultFound) as error:
        raise StoreError(f"{path}: {_DAMAGED.format(error)}") from error


def _cause(message: str) -> str:
    lower = message.lower()
    resume = "Everything committed so far is safe; then `evolve resume` goes on from there."
    if "full" in lower or "disk i/o" in lower:
        return f"the disk is full or failing ({message}). Free some space. {resume}"
    if "locked" in lower or "busy" in lower:
        return f"another program holds the database locked ({message}). Close that program. {resume}"
    if "readonly" in lower or "read-only" in lower or "unable to open" in lower:
        return f"the database cannot be opened or written ({message}). Make the folder writable. {resume}"
    if any(sign in lower for sign in ("malformed", "not a database", "could not decode", "no such")):
        return _DAMAGED.format(message)
    return f"the database failed ({message}). {resume}"


def _engine(path: Path, mode: str, pragmas: tuple[str, ...]) -> Engine:
    def connect() -> sqlite3.Connection:
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, check_same_thread=False)

    engine = create_engine("sqlite://", creator=connect, poolclass=StaticPool)

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    return engine
