"""SQLite by its driver alone: who only looks at a run need not wait for the library that maps its tables."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from evolve.errors import RunError, StoreError

SCHEMA_VERSION = 3
"""Written to the file's `user_version`; a reader refuses any other."""
BUSY_TIMEOUT_MS = 10_000
_DAMAGED = "the file is damaged ({}). Restore it from a copy, or see what `sqlite3 run.db .recover` saves."


def connect(path: Path, mode: str, *pragmas: str) -> sqlite3.Connection:
    """Open a file.

    Args:
        path: Of the file.
        mode: As SQLite's URIs name it.
        pragmas: Executed at once.
    """
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode={mode}", uri=True, check_same_thread=False)
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


def connect_readonly(path: Path) -> sqlite3.Connection:
    """Open a file for reading; every query sees all commits so far."""
    mode = "ro&immutable=1" if is_archived(path) else "ro"
    return connect(path, mode, f"busy_timeout={BUSY_TIMEOUT_MS}", "query_only=ON")


def is_archived(path: Path) -> bool:
    """Tell whether nobody writes the file and readers cannot even make SQLite's helper files beside it."""
    log = path.with_name(path.name + "-wal")
    return not os.access(path.parent, os.W_OK) and not (log.exists() and log.stat().st_size)


def check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file that is no run, or of another schema version.

    Raises:
        RunError: no SQLite file, or one without our tables.
        StoreError: another schema version.
    """
    with readable(path):
        try:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            (tables,) = connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE name = 'program'"
            ).fetchone()
        except sqlite3.DatabaseError as error:
            if "not a database" in str(error):
                raise no_database(path) from None
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


def no_database(path: Path) -> RunError:
    """Return what to say of a file that SQLite cannot read at all."""
    return RunError(f"{path}: is not a SQLite database, so its folder is no run. Check the path.")


def run_file(folder: Path) -> Path:
    """Return the database of a run; raises RunError when the folder holds none."""
    path = folder / "run.db"
    if not path.is_file():
        raise RunError(f"{folder}: is not a run: it holds no run.db. `evolve runs` lists the runs.")
    return path


@contextlib.contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the driver's errors into messages that say what to do."""
    try:
        yield
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {cause(str(error))}") from error
    except OSError as error:
        hint = "Make the folder writable, or copy the run to one that is."
        text = (
            cause("full") if error.errno == errno.ENOSPC else f"cannot be written ({error.strerror}). {hint}"
        )
        raise StoreError(f"{path}: {text}") from error


@contextlib.contextmanager
def readable(path: Path) -> Iterator[None]:
    """Like `translated`, for reading: rows that make no sense are damage too."""
    try:
        with translated(path):
            yield
    except ValueError as error:
        raise StoreError(f"{path}: {damaged(error)}") from error


def damaged(why: object) -> str:
    """Say that a file is damaged, and what can be done."""
    return _DAMAGED.format(why)


def cause(message: str) -> str:
    lower = message.lower()
    resume = "Everything committed so far is safe; then `evolve resume` goes on from there."
    if "full" in lower or "disk i/o" in lower:
        return f"the disk is full or failing ({message}). Free some space. {resume}"
    if "locked" in lower or "busy" in lower:
        return f"another program holds the database locked ({message}). Close that program. {resume}"
    if "readonly" in lower or "read-only" in lower or "unable to open" in lower:
        return f"the database cannot be opened or written ({message}). Make the folder writable. {resume}"
    if any(sign in lower for sign in ("malformed", "not a database", "could not decode", "no such")):
        return damaged(message)
    return f"the database failed ({message}). {resume}"
