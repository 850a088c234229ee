"""The tables of `run.db`: one file a run, everything that happened in it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, Column, LargeBinary
from sqlmodel import Field, SQLModel


class Run(SQLModel, table=True):
    """The one row that says what this run is."""

    id: int | None = Field(default=None, primary_key=True)
    problem: str
    problem_digest: str
    """SHA-256 of the declaration, its scorer, seeds and blocks."""
    seed: int
    config: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
    version: str
    """Version of the package that began the run."""
    created_at: str
    """UTC, ISO 8601."""


class Source(SQLModel, table=True):
    """A program's text, stored once by content."""

    hash: str = Field(primary_key=True)
    """SHA-256 of the UTF-8 text, in hex."""
    text: str


class Program(SQLModel, table=True):
    """A proposed program; never changed after its commit."""

    id: int = Field(primary_key=True)
    """The ticket that proposed it."""
    seq: int = Field(unique=True)
    """Its place in the order of commits: 1, 2, 3 ...; equal to `id` in a run of ticket order."""
    source: str = Field(foreign_key="source.hash")
    code_hash: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """Hash of the normalised syntax tree; equal for programs that differ in layout only."""
    island: int | None
    """Index of the island that it was made for; null for seeds, which enter all islands."""
    operator: str
    arm: str
    """What the bandit is told to have been used: the operator, with "@model" when one was asked."""
    change: str
    """One line that says what the operator did."""
    model: str | None
    """The model that wrote it; null when none had part in it."""
    calls: int
    """Requests to models, failed ones included, that this ticket made."""
    tokens: int
    """Tokens of these requests and their replies."""
    usd: float
    """Price of these requests in US dollars."""
    cost: float
    """What the bandit is told that it cost: dollars when the run's models have prices, else tokens."""
    seed: int
    """Seed of the ticket's generator: `numpy.random.default_rng(seed)` repeats its choices."""
    saw: int
    """How many commits the archive held when the parents were selected."""
    at_s: float
    """Run time at the commit in seconds, summed over all sessions."""


class Parentage(SQLModel, table=True):
    """One edge of the lineage."""

    child: int = Field(primary_key=True, foreign_key="program.id")
    position: int = Field(primary_key=True)
    """0 is the program that was changed, further ones gave parts."""
    parent: int = Field(foreign_key="program.id", index=True)


class EvaluationRow(SQLModel, table=True):
    """What the pipeline found about a program."""

    __tablename__ = "evaluation"

    program: int = Field(primary_key=True, foreign_key="program.id")
    status: str = Field(index=True)
    objective: float | None
    """In the problem's own direction; null unless valid."""
    measures: list[float] | None = Field(sa_column=Column(JSON))
    metrics: dict[str, float] = Field(sa_column=Column(JSON, nullable=False))
    cases: dict[str, list[float]] = Field(sa_column=Column(JSON, nullable=False))
    """Metrics by name, a value for each case, where there are several."""
    feedback: str
    duplicate_of: int | None
    """The earlier program with the same code, whose evaluation this one repeats."""
    wall_s: float


class StageResultRow(SQLModel, table=True):
    """One stage of one evaluation; written as soon as it is known, before its commit."""

    __tablename__ = "stage_result"

    id: int | None = Field(default=None, primary_key=True)
    ticket: int = Field(index=True)
    stage: str
    key: str
    """Hash of stage version, code, inputs and parameters: what the result depends on."""
    status: str
    metrics: dict[str, float] = Field(sa_column=Column(JSON, nullable=False))
    feedback: str
    printed: str
    """The beginning of what the program printed."""
    wall_s: float
    cpu_s: float
    layers: str
    """Sandbox layers in force, separated by spaces."""
    cases: dict[str, list[float]] = Field(sa_column=Column(JSON, nullable=False))
    """Its metrics for each case, where there are several."""
    recalled: bool
    """Computed in another run; the times are those of that one."""


class ArchiveEvent(SQLModel, table=True):
    """The answer of an archive to an insertion."""

    __tablename__ = "archive_event"

    id: int | None = Field(default=None, primary_key=True)
    seq: int = Field(index=True)
    """The commit at which it happened."""
    program: int = Field(index=True)
    island: int
    cell: int
    status: int
    """0 rejected, 1 improved, 2 new cell."""
    gain: float


class MigrationRow(SQLModel, table=True):
    """An elite copied from one island to another."""

    __tablename__ = "migration"

    id: int | None = Field(default=None, primary_key=True)
    seq: int
    """The commit after which it happened."""
    program: int
    source: int
    target: int
    cell: int
    status: int
    gain: float


class HypothesisRow(SQLModel, table=True):
    """What a program was meant to show, and whether it did."""

    __tablename__ = "hypothesis"

    program: int = Field(primary_key=True, foreign_key="program.id")
    idea: str
    metric: str
    direction: str
    """"up" or "down"."""
    before: float | None
    """The metric of the main parent."""
    after: float | None
    """The metric of the program; null unless valid."""
    held: bool


class LessonRow(SQLModel, table=True):
    """A statement distilled by a reflection; in force from that commit on."""

    __tablename__ = "lesson"

    id: int | None = Field(default=None, primary_key=True)
    ticket: int = Field(index=True)
    """The reflection that brought it."""
    text: str
    support: list[int] = Field(sa_column=Column(JSON, nullable=False))
    """Ids of the programs that it rests on."""


class Payload(SQLModel, table=True):
    """The text of a request or a reply, stored once by content."""

    hash: str = Field(primary_key=True)
    """SHA-256 of the UTF-8 text, in hex."""
    text: str


class ModelRequest(SQLModel, table=True):
    """A request to a model; written before it is sent, so that none is forgotten."""

    __tablename__ = "model_request"

    id: int = Field(primary_key=True)
    """1, 2, 3 ... in the order of sending."""
    ticket: int = Field(index=True)
    saw: int
    """How many commits the archive held when the ticket was prepared."""
    turn: int
    """Number of the question within the ticket, from 0."""
    attempt: int
    """Number of this sending within its turn and session, from 0."""
    model: str
    purpose: str
    request: str
    """Hash of the question with its parameters, in `payload`."""
    question: str
    """Hash of the question alone."""
    reserved_tokens: int
    reserved_nano_usd: int
    """What the budget set aside for it, in billionths of a dollar."""


class ModelReply(SQLModel, table=True):
    """The end of a request; written before anybody reads it. A request without one was cut off by a kill."""

    __tablename__ = "model_reply"

    call: int = Field(primary_key=True, foreign_key="model_request.id")
    status: str
    """"ok", "failed" (sent again afterwards), "no_reply" (the turn ended so) or "cancelled"."""
    text: str
    """Hash of the answer, in `payload`."""
    finish: str
    kind: str
    """Kind of the failure."""
    error: str
    prompt_tokens: int
    reply_tokens: int
    tokens: int
    """What the budget was charged."""
    nano_usd: int
    """The same in billionths of a dollar."""
    latency_s: float


class Event(SQLModel, table=True):
    """Something that happened; append-only, read by cursor on `id`."""

    id: int | None = Field(default=None, primary_key=True)
    ticket: int | None
    """The last commit before it."""
    kind: str
    at: str
    """UTC, ISO 8601."""
    at_s: float
    """Run time in seconds."""
    data: dict[str, Any] = Field(sa_column=Column(JSON, nullable=False))
