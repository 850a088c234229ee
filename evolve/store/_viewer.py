"""The reader of displays: every query by cursor, key or page, so that none takes long."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from evolve.errors import StoreError
from evolve.store._request import REQUEST
from evolve.store._sqlite import check_schema, connect_readonly, readable, run_file, translated

if TYPE_CHECKING:
    from evolve.store._reader import Reader

PAGE = 2_000
"""Rows of a page: some milliseconds."""


class LedgerRow(NamedTuple):
    """What a table of programs shows of one.

    Attributes:
        seq: Its place in the order of commits.
        id: The program.
        island: Index of its island; -1 for seeds.
        operator: What made it, with "@model" when one was asked.
        model: Who wrote it, or None.
        status: Of its evaluation.
        objective: In the problem's own direction, or None.
        calls: Requests to models.
        tokens: Tokens of these.
        usd: Price of these in US dollars.
        at_s: Run time at its commit in seconds.
        wall_s: Seconds that its evaluation took.
        parent: The program that was changed; 0 for none.
        kept: The best answer of an archive: 0 rejected, 1 improved, 2 new cell; -1 none was asked.
        gain: The largest gain among the archives' answers.
    """

    seq: int
    id: int
    island: int
    operator: str
    model: str | None
    status: str
    objective: float | None
    calls: int
    tokens: int
    usd: float
    at_s: float
    wall_s: float
    parent: int
    kept: int
    gain: float


class Happening(NamedTuple):
    """An event as displays read it.

    Attributes:
        id: Its number, a cursor.
        ticket: The last commit before it, or None.
        kind: What happened.
        at: UTC, ISO 8601.
        at_s: Run time in seconds.
        data: What is to be said of it.
    """

    id: int
    ticket: int | None
    kind: str
    at: str
    at_s: float
    data: dict[str, Any]


class Kin(NamedTuple):
    """A program in a lineage.

    Attributes:
        id: The program.
        parents: Main parent first.
        operator: What made it, with "@model" when one was asked.
        change: What its operator said it did.
        status: Of its evaluation.
        objective: In the problem's own direction, or None.
    """

    id: int
    parents: tuple[int, ...]
    operator: str
    change: str
    status: str
    objective: float | None


class Steered(NamedTuple):
    """What a user did to the archives.

    Attributes:
        event: Its event, a cursor.
        commits: How many commits there were when it took effect.
        kind: "ban" or "unban".
        program: Whose turn it was.
    """

    event: int
    commits: int
    kind: str
    program: int


class Offered(NamedTuple):
    """A program that was offered to an archive.

    Attributes:
        seq: The commit at which it happened.
        order: Rows of one commit are in this order.
        program: Its id.
        source: The island that it migrated from; None when it was just made.
        island: The island whose archive was asked.
        objective: In the problem's own direction.
        measures: Values of the problem's measures.
        metrics: Its metrics; empty unless asked for.
    """

    seq: int
    order: int
    program: int
    source: int | None
    island: int
    objective: float
    measures: tuple[float, ...]
    metrics: dict[str, float]


_EVENT = "id, ticket, kind, at, at_s, data"
_LEDGER = """
SELECT p.seq, p.id, coalesce(p.island, -1), p.arm, p.model, e.status, e.objective, p.calls, p.tokens, p.usd,
       p.at_s, e.wall_s, coalesce(m.parent, 0),
       coalesce((SELECT max(a.status) FROM archive_event a WHERE a.program = p.id), -1),
       coalesce((SELECT max(a.gain) FROM archive_event a WHERE a.program = p.id), 0.0)
FROM program p JOIN evaluation e ON e.program = p.id
LEFT JOIN parentage m ON m.child = p.id AND m.position = 0
WHERE p.seq > ? ORDER BY p.seq LIMIT ?
"""
_KIN = """
SELECT p.id, p.arm, p.change, e.status, e.objective FROM program p JOIN evaluation e ON e.program = p.id
WHERE p.id IN ({})
"""
_ANCESTORS = """
WITH RECURSIVE line(id, depth) AS (
  VALUES (?, 0)
  UNION ALL
  SELECT e.parent, line.depth + 1 FROM line JOIN parentage e ON e.child = line.id AND e.position = 0
  WHERE line.depth < ?
)
SELECT id FROM line ORDER BY depth
"""
_INSERTED = """
SELECT a.seq, a.id, a.program, NULL, a.island, e.objective, e.measures, {metrics}
FROM archive_event a JOIN evaluation e ON e.program = a.program
WHERE a.seq > ? AND a.seq <= ? ORDER BY a.seq, a.id
"""
_MIGRATED = """
SELECT m.seq, m.id, m.program, m.source, m.target, e.objective, e.measures, {metrics}
FROM migration m JOIN evaluation e ON e.program = m.program
WHERE m.id > ? AND m.seq <= ? ORDER BY m.id
"""


class Viewer:
    """What displays read: they look at a run often and must never keep anybody waiting.

    Like every reader it sees what is committed, holds no lock that the engine could meet, and belongs to one
    thread. Every query here uses an index and returns a bounded number of rows.
    """

    def __init__(self, folder: Path) -> None:
        """Open the run in `folder`.

        Raises:
            RunError: the folder is no run.
            StoreError: the schema is of another version.
        """
        self.folder, self.path = folder, run_file(folder)
        with translated(self.path):
            self._connection = connect_readonly(self.path)
        try:
            check_schema(self._connection, self.path)
        except BaseException:
            self._connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._connection.close()
        if "reader" in self.__dict__:
            self.reader.__exit__()

    @cached_property
    def reader(self) -> Reader:
        """All that can be read of the run; its library takes a while to load, so it comes when asked for."""
        from evolve.store._reader import Reader  # 0.5 s

        return Reader(self.folder)

    def created_at(self) -> str:
        """Return when the run was begun, UTC, ISO 8601."""
        rows = self._rows("SELECT created_at FROM run")
        if not rows:
            raise StoreError(f"{self.path}: does not say what run it is: the table `run` is empty.")
        return str(rows[0][0])

    def committed(self) -> int:
        """Return the number of committed programs."""
        return int(self._rows("SELECT coalesce(max(seq), 0) FROM program")[0][0])

    def last_at_s(self) -> float:
        """Return the run time of the last commit or event in seconds; 0.0 before there is one."""
        query = (
            "SELECT max(coalesce((SELECT at_s FROM program ORDER BY seq DESC LIMIT 1), 0.0), "
            "coalesce((SELECT at_s FROM event ORDER BY id DESC LIMIT 1), 0.0))"
        )
        return float(self._rows(query)[0][0])

    def ledger(self, after: int = 0, limit: int = PAGE) -> list[LedgerRow]:
        """Return the commits after a cursor on `seq`, in order."""
        return [LedgerRow._make(row) for row in self._rows(_LEDGER, after, limit)]

    def happened(self, after: int = 0, limit: int = PAGE, *, but: str = "bandits") -> list[Happening]:
        """Return the events after a cursor on `id`, in order, all kinds but one."""
        query = f"SELECT {_EVENT} FROM event WHERE id > ? AND kind != ? ORDER BY id LIMIT ?"
        return [_event(row) for row in self._rows(query, after, but, limit)]

    def latest(self, kind: str) -> Happening | None:
        """Return the last event of a kind."""
        query = f"SELECT {_EVENT} FROM event WHERE kind = ? ORDER BY id DESC LIMIT 1"
        rows = self._rows(query, kind)
        return _event(rows[0]) if rows else None

    def improvements(self) -> list[tuple[int, float]]:
        """Return (seq, objective) of every program that was the best when it came, in order."""
        query = (
            "SELECT p.seq, json_extract(e.data, '$.objective') FROM event e "
            "JOIN program p ON p.id = e.ticket WHERE e.kind = 'best' ORDER BY e.id"
        )
        return [(seq, value) for seq, value in self._rows(query) if value is not None]

    def ancestors(self, program: int, limit: int = 10_000) -> list[Kin]:
        """Return a program and its main ancestors, the program first; none when it is not committed."""
        ids = [row[0] for row in self._rows(_ANCESTORS, program, limit)]
        found = {kin.id: kin for kin in self.kin(ids)}
        return [found[one] for one in ids if one in found]

    def children(self, program: int, limit: int = 200) -> list[int]:
        """Return the ids of the programs that were made from one, the earliest first."""
        query = "SELECT DISTINCT child FROM parentage WHERE parent = ? ORDER BY child LIMIT ?"
        return [row[0] for row in self._rows(query, program, limit)]

    def kin(self, ids: Sequence[int]) -> list[Kin]:
        """Return what a lineage says of some programs, in the order of their ids."""
        found: dict[int, tuple[Any, ...]] = {}
        parents: dict[int, list[int]] = {}
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            marks = ",".join("?" * len(part))
            found.update({row[0]: row for row in self._rows(_KIN.format(marks), *part)})
            edges = f"SELECT child, parent FROM parentage WHERE child IN ({marks}) ORDER BY child, position"
            for child, parent in self._rows(edges, *part):
                parents.setdefault(child, []).append(parent)
        return [
            Kin(one, tuple(parents.get(one, ())), *found[one][1:]) for one in sorted(set(ids)) if one in found
        ]

    def offered(
        self, after: int, up_to: int, migration: int = 0, *, metrics: bool = False
    ) -> tuple[list[Offered], list[Offered]]:
        """Return what the archives were offered in some commits: what was made there, and what migrated.

        Args:
            after: The commits after this one,
            up_to: up to and with this one.
            migration: Cursor on migrations, their `order`.
            metrics: Whether the programs' metrics are wanted too.
        """
        column = "e.metrics" if metrics else "NULL"
        made = self._rows(_INSERTED.format(metrics=column), after, up_to)
        moved = self._rows(_MIGRATED.format(metrics=column), migration, up_to)
        return [_offered(row) for row in made], [_offered(row) for row in moved]

    def reseeded(self, after: int, up_to: int) -> list[tuple[int, int, int]]:
        """Return which islands began anew in some commits: (seq, island, island of their first elites)."""
        query = (
            "SELECT p.seq, e.data FROM event e JOIN program p ON p.id = e.ticket "
            "WHERE e.kind = 'reseeded' AND p.seq > ? AND p.seq <= ? ORDER BY e.id"
        )
        found = [(seq, json.loads(data)) for seq, data in self._rows(query, after, up_to)]
        return [(seq, int(data["island"]), int(data["from"])) for seq, data in found]

    def steered(self, after: int, up_to: int) -> list[Steered]:
        """Return the bans after an event, and what ended them, that took effect up to a commit; in order."""
        query = (
            "SELECT id, json_extract(data, '$.commits') AS commits, json_extract(data, '$.kind') AS asked, "
            "json_extract(data, '$.arguments.program') FROM event WHERE kind = ? AND id > ? "
            "AND json_extract(data, '$.status') = 'done' AND asked IN ('ban', 'unban') AND commits <= ? "
            "ORDER BY id"
        )
        return [Steered._make(row) for row in self._rows(query, REQUEST, after, up_to)]

    def matching(self, text: str, after: int, limit: int = PAGE) -> tuple[list[int], int]:
        """Search the changes' descriptions in a page of commits.

        Args:
            text: Looked for literally; ASCII letters of either case.
            after: Cursor on `seq`.
            limit: Commits to look at.

        Returns:
            Ids of the programs that fit, and the cursor for the next page.
        """
        query = "SELECT id FROM program WHERE seq > ? AND seq <= ? AND change LIKE ? ESCAPE '\\' ORDER BY seq"
        found = self._rows(query, after, after + limit, _pattern(text))
        return [row[0] for row in found], after + limit

    def containing(self, text: str, after: int, limit: int = 200) -> tuple[list[int], int]:
        """Search the programs' source text in a page of commits; arguments and answer as of `matching`."""
        query = (
            "SELECT p.id FROM program p JOIN source s ON s.hash = p.source "
            "WHERE p.seq > ? AND p.seq <= ? AND s.text LIKE ? ESCAPE '\\' ORDER BY p.seq"
        )
        found = self._rows(query, after, after + limit, _pattern(text))
        return [row[0] for row in found], after + limit

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with readable(self.path):
            return self._connection.execute(query, values).fetchall()


def _event(row: tuple[Any, ...]) -> Happening:
    return Happening._make((*row[:-1], json.loads(row[-1])))


def _offered(row: tuple[Any, ...]) -> Offered:
    *known, measures, metrics = row
    point = tuple(json.loads(measures)) if measures is not None else ()
    return Offered._make((*known, point, json.loads(metrics) if metrics is not None else {}))


def _pattern(text: str) -> str:
    literal = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return f"%{literal}%"
