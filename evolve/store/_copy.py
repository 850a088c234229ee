"""Copy parts of one run's store into another's: what a replay and a fork begin with."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection

from evolve.store._open import driver_of, translated
from evolve.store._writer import Batch, Row, Writer, insert

_CALLS = (
    "INSERT OR IGNORE INTO payload SELECT * FROM src.payload",
    "INSERT OR IGNORE INTO model_request SELECT * FROM src.model_request",
    "INSERT OR IGNORE INTO model_reply SELECT * FROM src.model_reply",
)
_COMMITTED = "(SELECT id FROM src.program WHERE seq <= :seq)"
_COMMITS = tuple(
    statement.replace("COMMITTED", _COMMITTED)
    for statement in (
        "INSERT OR IGNORE INTO source SELECT * FROM src.source WHERE hash IN "
        "(SELECT source FROM src.program WHERE seq <= :seq)",
        "INSERT INTO program SELECT * FROM src.program WHERE seq <= :seq",
        "INSERT INTO parentage SELECT * FROM src.parentage WHERE child IN COMMITTED",
        "INSERT INTO evaluation SELECT * FROM src.evaluation WHERE program IN COMMITTED",
        "INSERT INTO stage_result SELECT * FROM src.stage_result WHERE ticket IN COMMITTED",
        "INSERT INTO archive_event SELECT * FROM src.archive_event WHERE seq <= :seq",
        "INSERT INTO migration SELECT * FROM src.migration WHERE seq <= :seq",
        "INSERT INTO hypothesis SELECT * FROM src.hypothesis WHERE program IN COMMITTED",
        "INSERT INTO lesson SELECT * FROM src.lesson WHERE ticket IN COMMITTED",
        # of the best programs those that a commit brought, or a request up to then
        "INSERT INTO event SELECT * FROM src.event WHERE kind = 'best' AND ticket IN COMMITTED "
        "AND coalesce(json_extract(data, '$.commits'), 0) <= :seq",
        "INSERT INTO model_request SELECT * FROM src.model_request WHERE ticket IN COMMITTED",
        "INSERT INTO model_reply SELECT * FROM src.model_reply WHERE call IN (SELECT id FROM model_request)",
        "INSERT OR IGNORE INTO payload SELECT * FROM src.payload WHERE hash IN "
        "(SELECT request FROM model_request UNION SELECT text FROM model_reply)",
    )
)


def copy_calls(source: Path, writer: Writer) -> None:
    """Copy every request to a model with its answer; those that came with commits are there already.

    Args:
        source: Folder of the run to copy from; its store is of the present schema version.
        writer: Of a new run.

    Raises:
        StoreError: it could not be copied; nothing was.
    """
    _copy(source, writer, _CALLS, {})


def copy_commits(source: Path, writer: Writer, seq: int, notes: list[Row]) -> None:
    """Copy the first `seq` commits with everything that belongs to them; see `copy_calls`.

    Args:
        source: Folder of the run to copy from.
        writer: Of a new run.
        seq: How many.
        notes: Events to write in the same transaction.
    """
    _copy(source, writer, _COMMITS, {"seq": seq}, Batch(events=notes))


def _copy(
    source: Path,
    writer: Writer,
    statements: tuple[str, ...],
    values: dict[str, int],
    more: Batch | None = None,
) -> None:
    path = source / "run.db"
    with translated(path), writer.raw() as connection:
        connection.exec_driver_sql("ATTACH DATABASE ? AS src", (f"{path.resolve().as_uri()}?mode=ro",))
        try:
            _execute(connection, statements, values, more or Batch())
        finally:
            connection.exec_driver_sql("DETACH DATABASE src")


def _execute(
    connection: Connection, statements: tuple[str, ...], values: dict[str, int], more: Batch
) -> None:
    connection.exec_driver_sql("BEGIN")
    try:
        for statement in statements:
            connection.exec_driver_sql(statement, values if ":seq" in statement else ())
        insert(driver_of(connection), more)
    except BaseException:
        connection.exec_driver_sql("ROLLBACK")
        raise
    connection.exec_driver_sql("COMMIT")
