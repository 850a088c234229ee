"""Open `run.db`: engines with their pragmas, the schema version, and errors that a user can act upon."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlalchemy.pool import StaticPool

from evolve.errors import StoreError
from evolve.store import _sqlite
from evolve.store._sqlite import BUSY_TIMEOUT_MS, connect_readonly


def writable_engine(path: Path) -> Engine:
    """Return an engine on the one writing connection.

    WAL with synchronous=NORMAL: a killed process loses nothing that was committed; a power cut may
    lose the last commits, never the file's integrity.
    """
    pragmas = ("journal_mode=WAL", "synchronous=NORMAL", f"busy_timeout={BUSY_TIMEOUT_MS}")
    return create_engine(
        "sqlite://", creator=lambda: _sqlite.connect(path, "rwc", *pragmas), poolclass=StaticPool
    )


def readonly_engine(path: Path) -> Engine:
    """Return an engine on a read-only connection that sees every commit so far."""
    return create_engine("sqlite://", creator=lambda: connect_readonly(path), poolclass=StaticPool)


def check_schema(engine: Engine, path: Path) -> None:
    """Refuse a file that is no run, or of another schema version.

    Raises:
        RunError: no SQLite file, or one without our tables.
        StoreError: another schema version.
    """
    with readable(path):
        try:
            connection = engine.connect()
        except DBAPIError as error:
            if "not a database" in str(error.orig):
                raise _sqlite.no_database(path) from None
            raise
    with connection:
        _sqlite.check_schema(driver_of(connection), path)


def driver_of(connection: Connection) -> sqlite3.Connection:
    """Return the driver's own connection."""
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the errors of the database's library and of its driver into messages that say what to do."""
    try:
        with _sqlite.translated(path):
            yield
    except DBAPIError as error:
        raise StoreError(f"{path}: {_sqlite.cause(str(error.orig))}") from error


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Like `translated`, for reading: rows that make no sense are damage too."""
    try:
        with translated(path):
            yield
    except (ValueError, NoResultFound) as error:
        raise StoreError(f"{path}: {_sqlite.damaged(error)}") from error
