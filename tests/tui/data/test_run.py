from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from evolve.engine._rows import event_row
from evolve.store import Batch, Mailbox, Pulse, Request, Viewer, Writer, is_live
from evolve.tui.data._about import about
from evolve.tui.data._run import Feed, News, RunState, arms, uses
from tests.tui.runs import Made, make_run


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def read(folder: Path, clock: Clock | None = None) -> RunState:
    run = RunState.begin(about(folder), clock or Clock())
    with Viewer(folder) as viewer:
        feed = Feed(viewer, Mailbox(folder), lambda: is_live(folder))
        while not run.loaded:
            run.take(feed.poll())
    return run


def test_what_is_read_is_what_the_engine_knew(made: Made) -> None:
    run, state = read(made.folder), made.state
    assert run.ledger.size == state.committed
    assert run.best == state.best
    assert run.ledger.counts("status") == state.statuses
    assert int(run.ledger.evaluations[-1]) == state.evaluations
    assert run.state == "max_evals"
    assert not run.running
    assert [program for program, _, _ in run.bests][-1] == run.best[0]  # type: ignore[index]
    assert run.archives[-1]["commits"] == 400
    assert run.elapsed_s == 80.0


def test_news_come_once_and_in_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = make_run(tmp_path / "run", 50)
    monkeypatch.setattr("evolve.tui.data._run.PAGE", 7)
    monkeypatch.setattr(Viewer.ledger, "__defaults__", (0, 7))
    run = RunState.begin(about(made.folder), Clock())
    with Viewer(made.folder) as viewer:
        feed = Feed(viewer, Mailbox(made.folder), lambda: False)
        pages = 0
        while not run.loaded:
            run.take(feed.poll())
            pages += 1
        assert pages == 8
        revision = run.revision
        assert not run.take(feed.poll())
        assert run.revision == revision
    assert run.ledger["id"].tolist() == list(range(1, 51))


def test_a_live_run_goes_on_between_commits(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", 60, stopped=False)
    clock = Clock()
    lock = os.open(made.folder / "run.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        run = read(made.folder, clock)
        assert run.running
        assert run.state == "running"
        clock.now += 5
        assert run.elapsed_s == pytest.approx(12.0 + 5)
        assert run.rate is not None
        found = {use.name: use for use in uses(run)}
        assert found["evaluations"].limit == 60
        assert found["evaluations"].left_s == pytest.approx((60 - made.state.evaluations) / run.rate)
        assert found["time"].limit is None
    finally:
        os.close(lock)
    assert read(made.folder).state == "broken off"


def test_arms_add_up(made: Made) -> None:
    run = read(made.folder)
    rows = arms(run)
    assert sum(row.proposals for row in rows) == 400
    assert sum(row.valid for row in rows) == made.state.statuses["valid"]
    assert sum(row.improved for row in rows) == len(run.bests)
    assert rows == sorted(rows, key=lambda row: (-row.proposals, row.name))
    large = next(row for row in arms(run, "model") if row.name == "example/large")
    assert large.usd == pytest.approx(0.0025 * large.proposals)
    assert large.tokens == 1200 * large.proposals
    assert sum(use.used for use in uses(run) if use.name == "calls") == large.proposals


def test_requests_and_answers(made: Made) -> None:
    run = RunState.begin(about(made.folder), Clock())
    asked = Request(1, "pause", {}, "t")
    pulse = Pulse("t", "paused", 2, (), 0, 1, 5, 0.5)
    assert run.take(News(running=True, requests=[asked], pulse=pulse))
    assert run.state == "paused"
    assert not run.take(News(running=True, requests=[asked], pulse=pulse))
    done = Request(1, "pause", {}, "t", "done", "paused", "t")
    assert run.take(News(running=True, requests=[done], pulse=pulse))
    assert run.requests == [done]


def test_what_users_did_to_programs(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", 30, stopped=False)
    best = made.state.best
    assert best is not None
    writer = Writer(made.folder)
    for number, (kind, program, status) in enumerate(
        [
            ("pin", 3, "done"),
            ("ban", best[0], "done"),
            ("ban", 4, "refused"),
            ("pin", 5, "done"),
            ("unpin", 5, "done"),
        ]
    ):
        data = {
            "id": number,
            "kind": kind,
            "arguments": {"program": program},
            "status": status,
            "answer": "a",
        }
        writer.write(Batch(events=[event_row("request", 30, 6.0, {**data, "asked_at": "t", "commits": 30})]))
    text = {"id": 8, "kind": "inject", "arguments": {"text": "x" * 10_000, "island": None}, "status": "done"}
    writer.write(Batch(events=[event_row("request", 30, 6.0, {**text, "answer": "", "asked_at": "t"})]))
    writer.close()
    run = read(made.folder)
    assert run.pinned == {3}
    assert run.banned == {best[0]}
    assert run.best is not None
    assert run.best[0] != best[0]
    assert "text" not in run.events[-1].data["arguments"], "what the table holds is not kept twice"


def test_trouble_with_the_mailbox_hides_nothing(made: Made, tmp_path: Path) -> None:
    (tmp_path / "requests.db").write_text("no database")
    run = RunState.begin(about(made.folder), Clock())
    with Viewer(made.folder) as viewer:
        run.take(Feed(viewer, Mailbox(tmp_path), lambda: False).poll())
    assert run.ledger.size == 400
    assert "requests.db" in run.trouble


def test_a_failed_run_says_why(tmp_path: Path) -> None:
    made = make_run(tmp_path / "run", 5, stopped=False)
    writer = Writer(made.folder)
    writer.write(Batch(events=[event_row("failed", 5, 1.0, {"error": "the disk is full"})]))
    writer.close()
    run = read(made.folder)
    assert (run.state, run.error) == ("failed", "the disk is full")
