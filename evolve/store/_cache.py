"""Results of stages that later runs may use: one file beside the runs, made to be lost.

Nothing depends on it: what is not there is computed. So a file that is damaged, locked or on a full disk is
never an error, it is put aside or left alone, and the user is told once.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

CACHE_FILE = "cache.db"
_VERSION = 1
_MOST_ROWS = 200_000
_MOST_CHARS = 16_384
"""Longest result worth keeping; most take a few hundred characters."""
_KEYS_AT_ONCE = 500
_PRUNE_EVERY = 2000
_TABLE = "CREATE TABLE IF NOT EXISTS result (key TEXT PRIMARY KEY, row TEXT NOT NULL)"

T = TypeVar("T")


class ResultCache:
    """Plain data by key, shared by all runs of a folder.

    Any number of processes may use one file at the same time; each instance belongs to one thread. Bounded:
    the oldest go when there are too many rows. Whatever goes wrong, `get` finds nothing and `put` keeps
    nothing: a damaged file is begun anew, after any other failure the file is not touched again.
    """

    def __init__(
        self, path: Path, *, warn: Callable[[str], None] = lambda _text: None, most_rows: int = _MOST_ROWS
    ) -> None:
        """Prepare; the file is opened when it is first needed, and made when there is something to keep.

        Args:
            path: The file; its folder exists.
            warn: Says one line to the user.
            most_rows: Results to keep.
        """
        self._path = path
        self._warn = warn
        self._most = most_rows
        self._since = 0
        self._connection: sqlite3.Connection | None = None
        self._usable = True

    def get(self, keys: list[str]) -> dict[str, dict[str, Any]]:
        """Return what is kept under these keys; what cannot be read is left out."""
        found: dict[str, dict[str, Any]] = {}
        if self._connection is None and not self._path.exists():
            return found
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            nothing: list[tuple[str, str]] = []
            for key, text in self._try(_reading(keys[start : start + _KEYS_AT_ONCE]), nothing):
                with contextlib.suppress(ValueError, TypeError, RecursionError):
                    row = json.loads(text)
                    if isinstance(row, dict):
                        found[key] = row
        return found

    def put(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep these; a key that is there stays as it is."""
        texts = [(key, json.dumps(row)) for key, row in rows.items()]
        texts = [(key, text) for key, text in texts if len(text) <= _MOST_CHARS]
        if not texts:
            return
        self._try(_writing(texts), None)
        self._since += len(texts)
        if self._since >= _PRUNE_EVERY:
            self._prune()

    def close(self) -> None:
        """Close the file; the instance keeps nothing from here on."""
        if self._since:
            self._prune()
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._usable = False

    def _prune(self) -> None:
        self._since = 0
        self._try(_pruning(self._most), None)

    def _try(self, action: Callable[[sqlite3.Connection], T], otherwise: T) -> T:
        """Do something in a transaction; the result of a failure is `otherwise`."""
        if not self._usable:
            return otherwise
        try:
            if self._connection is None:
                self._connection = _connect(self._path)
            with self._connection:
                return action(self._connection)
        except sqlite3.Error as error:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
            self._recover(error)
            return otherwise

    def _recover(self, error: sqlite3.Error) -> None:
        """Begin a damaged file anew; leave alone one that is locked, full or not writable."""
        self._usable = False
        if isinstance(error, sqlite3.OperationalError):
            self._warn(f"{self._path}: results of other runs are not used from here on ({error})")
            return
        try:
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._connection = _connect(self._path)
            self._usable = True
        except (OSError, sqlite3.Error) as trouble:
            self._warn(
                f"{self._path}: is damaged ({error}) and cannot be replaced ({trouble}); it is not used"
            )
            return
        self._warn(f"{self._path}: was damaged ({error}) and has been begun anew; nothing but time is lost")


def _connect(path: Path) -> sqlite3.Connection:
    """Open and check the file; raises sqlite3.Error."""
    connection = sqlite3.connect(path, timeout=5.0)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=OFF")  # a power cut may break it, and then it is begun anew
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version not in (0, _VERSION):
            raise sqlite3.DatabaseError(f"it has version {version}, this evolve knows {_VERSION}")
        if version != _VERSION:
            connection.execute(_TABLE)
            connection.execute(f"PRAGMA user_version={_VERSION}")
            connection.commit()
        columns = [column for _, column, *_ in connection.execute("PRAGMA table_info(result)")]
        if columns != ["key", "row"]:
            raise sqlite3.DatabaseError(f"it has the columns {columns}")
    except BaseException:
        connection.close()
        raise
    return connection


def _reading(keys: list[str]) -> Callable[[sqlite3.Connection], list[tuple[str, str]]]:
    query = f"SELECT key, row FROM result WHERE key IN ({','.join('?' * len(keys))})"
    return lambda connection: connection.execute(query, keys).fetchall()


def _writing(rows: list[tuple[str, str]]) -> Callable[[sqlite3.Connection], None]:
    def write(connection: sqlite3.Connection) -> None:
        connection.executemany("INSERT OR IGNORE INTO result VALUES (?, ?)", rows)

    return write


def _pruning(most: int) -> Callable[[sqlite3.Connection], None]:
    def prune(connection: sqlite3.Connection) -> None:
        (count,) = connection.execute("SELECT count(*) FROM result").fetchone()
        if count > most:
            oldest = "SELECT rowid FROM result ORDER BY rowid LIMIT ?"
            connection.execute(f"DELETE FROM result WHERE rowid IN ({oldest})", (count - most + most // 4,))

    return prune
