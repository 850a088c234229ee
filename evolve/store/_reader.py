"""Read a run: the command line, the exporter and the resuming engine look through this."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import ColumnElement, case, func, true
from sqlmodel import Session, col, select

from evolve.errors import EvolveError, StoreError, UsageError
from evolve.store import _schema as schema
from evolve.store._open import check_schema, driver_of, readable, readonly_engine
from evolve.store._request import REQUEST
from evolve.store._sqlite import run_file

_decode = json.JSONDecoder().decode


@dataclass(frozen=True, slots=True)
class Commit:
    """A committed program with its evaluation and its parents' ids."""

    program: schema.Program
    evaluation: schema.EvaluationRow
    parents: tuple[int, ...]


class Brief(NamedTuple):
    """What a resumed run has to know of a commit, read without the cost of whole rows.

    Attributes are those of `Program` and `EvaluationRow`.
    """

    id: int
    island: int | None
    operator: str
    arm: str
    change: str
    code_hash: bytes
    cost: float
    usd: float
    status: str
    objective: float | None
    measures: tuple[float, ...] | None
    metrics: dict[str, float]
    cases: dict[str, list[float]]
    parents: tuple[int, ...]


class ArmUse(NamedTuple):
    """What came of an arm.

    Attributes:
        arm: Its name.
        proposals: Tickets that it got.
        valid: Valid programs.
        kept: Programs that an archive took.
        calls: Calls to models.
        tokens: Tokens of these.
        usd: Their price in US dollars.
    """

    arm: str
    proposals: int
    valid: int
    kept: int
    calls: int
    tokens: int
    usd: float


class Reader:
    """A read-only view of a run, also while it is being written.

    Every call sees all that was committed before it. Any number of readers, from any process; one
    instance belongs to one thread.
    """

    def __init__(self, folder: Path) -> None:
        """Open the run in `folder`.

        Raises:
            RunError: the folder is no run.
            StoreError: the schema is of another version.
        """
        self.path = run_file(folder)
        self._engine = readonly_engine(self.path)
        try:
            check_schema(self._engine, self.path)
        except BaseException:
            self._engine.dispose()
            raise

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_error: object) -> None:
        self._engine.dispose()

    def _session(self) -> Session:
        return Session(self._engine, expire_on_commit=False)

    @contextlib.contextmanager
    def _driver(self) -> Iterator[sqlite3.Connection]:
        """Lend the driver's own connection, for rows by the ten thousand: objects of theirs cost more."""
        with readable(self.path), self._engine.connect() as connection:
            yield driver_of(connection)

    def run(self) -> schema.Run:
        """Return the row that says what this run is."""
        with readable(self.path), self._session() as session:
            return session.exec(select(schema.Run)).one()

    def commits(self, after: int = 0, page: int = 500) -> Iterator[Commit]:
        """Yield the committed programs in commit order, from the one after `after`; the cursor is `seq`."""
        seq = col(schema.Program.seq)
        while rows := self._commits(seq > after, page):
            yield from rows
            after = rows[-1].program.seq

    def briefs(self, *, metrics: bool = True) -> Iterator[Brief]:
        """Yield all committed programs in commit order, briefly: several times faster than `commits`.

        Args:
            metrics: Whether metrics and those of single cases are wanted; they are a third of the work.
                Otherwise they are empty.
        """
        edges = "SELECT child, parent FROM parentage ORDER BY child, position"
        rows = (
            "SELECT p.id, p.island, p.operator, p.arm, p.change, p.code_hash, p.cost, p.usd, "
            f"e.status, e.objective, e.measures, {'e.metrics, e.cases' if metrics else 'NULL, NULL'} "
            "FROM program p JOIN evaluation e ON e.program = p.id ORDER BY p.seq"
        )
        parents: dict[int, tuple[int, ...]] = {}
        with self._driver() as driver:
            for child, parent in driver.execute(edges):
                parents[child] = (*parents.get(child, ()), parent)
            for *plain, measures, found, cases in driver.execute(rows):
                point = None if measures is None else tuple(_decode(measures))
                known = {} if found is None else _decode(found)
                by_case = {} if cases is None else _decode(cases)
                yield Brief._make((*plain, point, known, by_case, parents.get(plain[0], ())))

    def _commits(self, condition: ColumnElement[bool], page: int) -> list[Commit]:
        joined = (
            select(schema.Program, schema.EvaluationRow)
            .join(schema.EvaluationRow, col(schema.EvaluationRow.program) == col(schema.Program.id))
            .where(condition)
            .order_by(col(schema.Program.seq))
            .limit(page)
        )
        with readable(self.path), self._session() as session:
            rows = session.exec(joined).all()
            if not rows:
                return []
            edges = session.exec(
                select(schema.Parentage)
                .where(col(schema.Parentage.child).in_([program.id for program, _ in rows]))
                .order_by(col(schema.Parentage.child), col(schema.Parentage.position))
            ).all()
        parents: dict[int, list[int]] = {}
        for edge in edges:
            parents.setdefault(edge.child, []).append(edge.parent)
        return [Commit(program, found, tuple(parents.get(program.id, ()))) for program, found in rows]

    def commit(self, program: int) -> Commit:
        """Return one committed program.

        Raises:
            UsageError: the run has no such program; names the range that it has.
        """
        page = self._commits(col(schema.Program.id) == program, 1)
        if not page:
            raise self._unknown(program)
        return page[0]

    def line(self, program: int, page: int = 500) -> Iterator[Commit]:
        """Yield a program and its ancestors along the parents that were changed, the oldest first.

        Raises:
            UsageError: the run has no such program.
        """
        above = (
            "WITH RECURSIVE line(id) AS (VALUES(?) UNION "
            "SELECT parent FROM parentage JOIN line ON child = line.id AND position = 0) SELECT id FROM line"
        )
        with self._driver() as driver:
            ids = [ancestor for (ancestor,) in driver.execute(above, (program,))][::-1]
        for start in range(0, len(ids), page):
            some = ids[start : start + page]
            found = self._commits(col(schema.Program.id).in_(some), page)
            for missing in set(some).difference(commit.program.id for commit in found):
                raise self._unknown(missing)
            yield from found

    def _unknown(self, program: int) -> EvolveError:
        with readable(self.path), self._session() as session:
            known = session.get(schema.Program, program) is not None
            last = session.exec(select(func.max(schema.Program.id))).one() or 0
        if known:
            return StoreError(f"{self.path}: the file is damaged (a row of program {program} is missing).")
        has = f"this run has programs 1 to {last}." if last else "this run has no programs yet."
        still = " It is not committed." if program < last else ""
        if self.calls(ticket=program):
            still += f" What was asked for it is on record: evolve show RUN {program} --prompt --reply."
        return UsageError(f"program {program}: {has}{still}")

    def committed(self) -> int:
        """Return the number of committed programs."""
        with readable(self.path), self._session() as session:
            return session.exec(select(func.max(schema.Program.seq))).one() or 0

    def last_id(self) -> int:
        """Return the id of the program committed last; 0 when there is none."""
        newest = select(schema.Program.id).order_by(col(schema.Program.seq).desc()).limit(1)
        with readable(self.path), self._session() as session:
            return session.exec(newest).first() or 0

    def committed_ids(self) -> set[int]:
        """Return the ids of all committed programs."""
        with self._driver() as driver:
            return {program for (program,) in driver.execute("SELECT id FROM program")}

    def launched(self) -> dict[int, int]:
        """Return the commit seen by every ticket that has asked a model and is not committed."""
        query = (
            "SELECT ticket, saw FROM model_request WHERE ticket NOT IN (SELECT id FROM program) ORDER BY id"
        )
        with self._driver() as driver:
            return dict(driver.execute(query).fetchall())

    def last_at_s(self) -> float:
        """Return the run time in seconds at the last commit or event, whichever is later; 0 before both."""
        commit = select(schema.Program.at_s).order_by(col(schema.Program.seq).desc()).limit(1)
        event = select(schema.Event.at_s).order_by(col(schema.Event.id).desc()).limit(1)
        with readable(self.path), self._session() as session:
            return max(session.exec(commit).first() or 0.0, session.exec(event).first() or 0.0)

    def text(self, program: int) -> str:
        """Return a program's source text."""
        query = (
            select(schema.Source.text)
            .join(schema.Program, col(schema.Program.source) == col(schema.Source.hash))
            .where(col(schema.Program.id) == program)
        )
        with readable(self.path), self._session() as session:
            text = session.exec(query).first()
        if text is None:
            raise self._unknown(program)
        return text

    def best(self, *, maximize: bool) -> Commit | None:
        """Return the valid program with the best objective that is not banned, the earliest among equals."""
        objective = col(schema.EvaluationRow.objective)
        query = (
            select(schema.EvaluationRow.program)
            .join(schema.Program, col(schema.Program.id) == col(schema.EvaluationRow.program))
            .where(schema.EvaluationRow.status == "valid")
            .where(col(schema.EvaluationRow.program).not_in(sorted(self.banned())))
            .order_by(objective.desc() if maximize else objective.asc(), col(schema.Program.seq))
            .limit(1)
        )
        with readable(self.path), self._session() as session:
            found = session.exec(query).first()
        return None if found is None else self.commit(found)

    def banned(self) -> set[int]:
        """Return the ids of the programs that are banned now."""
        return self._asked_for("ban", ends=("unban",))

    def pinned(self) -> set[int]:
        """Return the ids of the programs that are pinned now; a ban ends it."""
        return self._asked_for("pin", ends=("unpin", "ban"))

    def _asked_for(self, kind: str, *, ends: tuple[str, ...]) -> set[int]:
        found: set[int] = set()
        for event in self.events(kind=REQUEST):
            if event.data["status"] != "done":
                continue
            if event.data["kind"] == kind:
                found.add(event.data["arguments"]["program"])
            elif event.data["kind"] in ends:
                found.discard(event.data["arguments"]["program"])
        return found

    def statuses(self) -> dict[str, int]:
        """Count the evaluations by status."""
        query = select(schema.EvaluationRow.status, func.count()).group_by(schema.EvaluationRow.status)
        with readable(self.path), self._session() as session:
            return dict(sorted(session.exec(query).all()))

    def arms(self) -> list[ArmUse]:
        """Return what came of every arm (operator, or operator and model), by name."""
        valid = _count_if(col(schema.EvaluationRow.status) == "valid")
        kept = select(col(schema.ArchiveEvent.program)).where(schema.ArchiveEvent.status > 0)
        improved = _count_if(col(schema.Program.id).in_(kept))
        sums = [
            func.sum(column) for column in (schema.Program.calls, schema.Program.tokens, schema.Program.usd)
        ]
        query = (
            select(schema.Program.arm, func.count(), valid, improved, *sums)
            .join(schema.EvaluationRow, col(schema.EvaluationRow.program) == col(schema.Program.id))
            .group_by(schema.Program.arm)
            .order_by(schema.Program.arm)
        )
        with readable(self.path), self._session() as session:
            return [ArmUse._make(row) for row in session.exec(query).all()]

    def stage_results(self, ticket: int | None = None) -> Sequence[schema.StageResultRow]:
        """Return the stage results of one ticket, or of all."""
        return self._stage_results(true() if ticket is None else col(schema.StageResultRow.ticket) == ticket)

    def early_stage_results(self) -> Sequence[schema.StageResultRow]:
        """Return the stage results of the tickets that are not committed."""
        committed = select(col(schema.Program.id))
        return self._stage_results(col(schema.StageResultRow.ticket).not_in(committed))

    def _stage_results(self, condition: ColumnElement[bool]) -> Sequence[schema.StageResultRow]:
        query = select(schema.StageResultRow).where(condition).order_by(col(schema.StageResultRow.id))
        with readable(self.path), self._session() as session:
            return session.exec(query).all()

    def hypotheses(self) -> Sequence[schema.HypothesisRow]:
        """Return the hypotheses in the order of their programs' commits."""
        query = (
            select(schema.HypothesisRow)
            .join(schema.Program, col(schema.Program.id) == col(schema.HypothesisRow.program))
            .order_by(col(schema.Program.seq))
        )
        with readable(self.path), self._session() as session:
            return session.exec(query).all()

    def lessons(self) -> Sequence[schema.LessonRow]:
        """Return the lessons in the order in which they were learned."""
        with readable(self.path), self._session() as session:
            return session.exec(select(schema.LessonRow).order_by(col(schema.LessonRow.id))).all()

    def calls(
        self, *, ticket: int | None = None
    ) -> list[tuple[schema.ModelRequest, schema.ModelReply | None]]:
        """Return the requests to models with their ends, of one ticket or of all, in the order of sending."""
        query = (
            select(schema.ModelRequest, schema.ModelReply)
            .outerjoin(schema.ModelReply, col(schema.ModelReply.call) == col(schema.ModelRequest.id))
            .order_by(col(schema.ModelRequest.id))
        )
        if ticket is not None:
            query = query.where(schema.ModelRequest.ticket == ticket)
        with readable(self.path), self._session() as session:
            return [(request, reply) for request, reply in session.exec(query).all()]

    def payload(self, digest: str) -> str:
        """Return the text of a request or a reply by its hash."""
        with readable(self.path), self._session() as session:
            return session.exec(select(schema.Payload.text).where(schema.Payload.hash == digest)).one()

    def archive_events(self, *, program: int | None = None) -> Sequence[schema.ArchiveEvent]:
        """Return the archives' answers in order, of one program or of all."""
        query = select(schema.ArchiveEvent).order_by(col(schema.ArchiveEvent.id))
        if program is not None:
            query = query.where(schema.ArchiveEvent.program == program)
        with readable(self.path), self._session() as session:
            return session.exec(query).all()

    def migrations(self) -> Sequence[schema.MigrationRow]:
        """Return the migrations in order."""
        with readable(self.path), self._session() as session:
            return session.exec(select(schema.MigrationRow).order_by(col(schema.MigrationRow.id))).all()

    def events(self, *, after: int = 0, kind: str | None = None) -> Sequence[schema.Event]:
        """Return the events after a cursor, of one kind or of all."""
        query = select(schema.Event).where(col(schema.Event.id) > after).order_by(col(schema.Event.id))
        if kind is not None:
            query = query.where(schema.Event.kind == kind)
        with readable(self.path), self._session() as session:
            return session.exec(query).all()

    def digest(self) -> str:
        """Hash what must be equal between two runs of the same seed.

        Covers every program with its text, parents, operator, island, generator and the commit it
        saw, every status, objective, measure and metric to the last bit, and every answer of the
        archives. Times, feedback texts and prints are left out.
        """
        total = hashlib.sha256()
        for commit in self.commits():
            p, e = commit.program, commit.evaluation
            row = (p.id, p.seq, p.source, p.operator, p.model, p.island, p.seed, p.saw, p.change)
            found = (e.status, e.objective, e.measures, sorted(e.metrics.items()), e.duplicate_of)
            total.update(json.dumps((row, commit.parents, found)).encode())
        for a in self.archive_events():
            total.update(json.dumps((a.seq, a.program, a.island, a.cell, a.status, a.gain)).encode())
        for lesson in self.lessons():
            total.update(json.dumps((lesson.ticket, lesson.text, lesson.support)).encode())
        for m in self.migrations():
            total.update(
                json.dumps((m.seq, m.program, m.source, m.target, m.cell, m.status, m.gain)).encode()
            )
        return total.hexdigest()


def _count_if(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, 1), else_=0))
