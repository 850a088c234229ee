"""The mailbox of a live run: obeyed and answered, and of no consequence when it is broken."""

from __future__ import annotations

import asyncio
import json
import os
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from evolve.engine import Budget, Engine, RunResult, aresume, arun
from evolve.engine._controls import Controls
from evolve.engine._obey import Obedience
from evolve.store import ENDED, REQUESTS_FILE, Mailbox, Reader, Request
from tests.engine.helpers import TWO_ISLANDS, write_problem
from tests.engine.simulated import Watching, World, inside
from tests.engine.steered import requests_of, steered

Viewer = Callable[[Mailbox, Engine], Awaitable[None]]
ENDLESS = Budget(max_evals=1_000_000)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evolve.engine._session.Controls", partial(Controls, period_s=0.005))


async def until(holds: Callable[[], bool]) -> None:
    """Wait for something that is bound to happen."""
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - another process may have to come so far
            await asyncio.sleep(0.005)


async def answered(mailbox: Mailbox, kind: str, **arguments: Any) -> Request:
    """Ask and wait for the answer."""
    number = mailbox.ask(kind, **arguments)
    await until(lambda: mailbox.get(number).status != "waiting")
    return mailbox.get(number)


def seen_by(viewer: Viewer, tmp_path: Path, **options: Any) -> RunResult:
    """Have a run looked at while it goes on; it is stopped afterwards."""
    world = World()
    given = {"islands": TWO_ISLANDS, "budget": ENDLESS, "window": 6, "cache": False, **options}
    folder = tmp_path / "runs" / "run"

    async def main() -> RunResult:
        problem = write_problem(tmp_path / "sums")
        begun = arun(
            problem, runs=folder.parent, run_id="run", sandbox="process", display=Watching(world), **given
        )
        task = asyncio.create_task(begun)
        await until(lambda: task.done() or (world.engine is not None and world.engine.at_work))
        assert world.engine is not None
        try:
            await viewer(Mailbox(folder), world.engine)
        finally:
            world.engine.request_stop("interrupted")
        return await task

    with inside(world):
        return asyncio.run(main())


def complaints(folder: Path) -> list[str]:
    with Reader(folder) as reader:
        return [event.data["error"] for event in reader.events(kind="requests")]


def test_a_paused_run_commits_nothing_and_its_time_stands_still(tmp_path: Path) -> None:
    async def viewer(mailbox: Mailbox, engine: Engine) -> None:
        await until(lambda: engine.state.committed > 5)
        assert (await answered(mailbox, "pause")).status == "done"
        assert "paused already" in (await answered(mailbox, "pause")).answer
        await until(lambda: engine._time.stands)
        commits, elapsed = engine.state.committed, engine.elapsed_s()
        engine._time._clock = lambda clock=engine._time._clock: clock() + 1e6  # type: ignore[misc]
        await asyncio.sleep(0.05)
        assert (engine.state.committed, engine.elapsed_s()) == (commits, elapsed)
        pulse = None
        while pulse is None or pulse.state != "paused":
            await asyncio.sleep(0.005)
            pulse = mailbox.pulse()
        assert (pulse.evaluating, pulse.queued, pulse.commits) == ((), 6, commits)
        assert (await answered(mailbox, "resume")).answer == "the run goes on"
        await until(lambda: engine.state.committed > commits + 20)
        assert engine.elapsed_s() < 1e5, "the pause is not part of the run's time"

    result = seen_by(viewer, tmp_path, budget=Budget(max_evals=1_000_000, max_seconds=1e5))
    assert (result.reason, result.elapsed_s < 1e5) == ("interrupted", True)


@pytest.mark.parametrize("how", ["asked", "interrupted", "at once"])
def test_a_paused_run_can_be_stopped(tmp_path: Path, how: str) -> None:
    async def viewer(mailbox: Mailbox, engine: Engine) -> None:
        await answered(mailbox, "pause")
        await until(lambda: engine._time.stands)
        if how == "asked":
            mailbox.ask("stop")
            await until(lambda: not engine.at_work)
        elif how == "interrupted":
            engine.request_stop("interrupted")
        else:
            engine.abort("interrupted")

    result = seen_by(viewer, tmp_path)
    assert result.reason == "interrupted"
    folder = result.folder
    again = World()
    with inside(again):
        longer = asyncio.run(
            aresume(
                folder, budget=Budget(max_evals=result.evaluations + 20), display=Watching(again), cache=False
            )
        )
    assert longer.evaluations == result.evaluations + 20, "a resumed run is not paused"


def test_a_pause_changes_nothing_that_is_found(tmp_path: Path) -> None:
    async def viewer(mailbox: Mailbox, _: Engine) -> None:
        for _turn in range(5):
            await answered(mailbox, "pause")
            await answered(mailbox, "resume")

    result = seen_by(viewer, tmp_path)
    more = Budget(max_evals=result.evaluations + 20)  # near its end a run holds back tickets
    undisturbed, _ = steered(World(), tmp_path, [], name="undisturbed", budget=more)
    with Reader(result.folder) as reader, Reader(undisturbed.folder) as other:
        pairs = zip(reader.commits(), other.commits(), strict=False)
        assert all(a.program.source == b.program.source for a, b in pairs)


def test_every_request_is_answered_however_many(tmp_path: Path) -> None:
    async def viewer(mailbox: Mailbox, _: Engine) -> None:
        for number in range(70):
            mailbox.ask("pin", program=900_000 + number)
        await until(lambda: all(row.status == "refused" for row in mailbox.latest()))
        assert len(mailbox.latest()) == 70

    result = seen_by(viewer, tmp_path)
    assert len(requests_of(result.folder)) == 70
    assert complaints(result.folder) == []


def test_what_waits_at_the_end_is_refused(tmp_path: Path) -> None:
    async def viewer(mailbox: Mailbox, engine: Engine) -> None:
        engine.request_stop("interrupted")
        mailbox.ask("pause")

    result = seen_by(viewer, tmp_path)
    (row,) = Mailbox(result.folder).latest()
    assert row.status == "refused"
    assert row.answer in (ENDED, "the run is stopping; ask again after `evolve resume`")
    assert not (result.folder / "pulse.json").exists()


def test_what_an_earlier_session_left_is_not_obeyed(tmp_path: Path) -> None:
    async def nothing(mailbox: Mailbox, _: Engine) -> None:
        mailbox.ask("pause")

    folder = seen_by(nothing, tmp_path).folder
    with closing(sqlite3.connect(folder / REQUESTS_FILE)) as connection, connection:
        connection.execute("UPDATE request SET status = 'waiting', answer = '', asked_at = '2020-01-01'")
    world = World()
    with inside(world):
        done = asyncio.run(
            aresume(folder, budget=Budget(max_evals=300), display=Watching(world), cache=False)
        )
    assert done.reason == "max_evals"
    (row,) = Mailbox(folder).latest()
    assert (row.status, row.answer) == ("refused", ENDED)


def garbage(path: Path) -> None:
    path.write_bytes(b"SQLite format 3\0" + os.urandom(4000))


def other_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE request (id TEXT, status TEXT, more)")
        connection.execute("INSERT INTO request VALUES ('x', 'waiting', 1)")
        connection.execute("PRAGMA user_version = 1")


@pytest.mark.parametrize("harm", [garbage, other_tables, Path.mkdir, os.mkfifo])
def test_a_broken_mailbox_is_complained_of_once_and_can_be_replaced(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    async def viewer(mailbox: Mailbox, engine: Engine) -> None:
        harm(mailbox.path)
        await until(lambda: bool(complaints(mailbox.folder)))
        commits = engine.state.committed
        await until(lambda: engine.state.committed > commits + 50)
        if mailbox.path.is_dir():
            mailbox.path.rmdir()
        else:
            mailbox.path.unlink()
        assert (await answered(mailbox, "pause")).status == "done"

    result = seen_by(viewer, tmp_path)
    (said,) = complaints(result.folder)
    assert "requests.db" in said


def test_a_deleted_mailbox_is_begun_anew_and_nothing_is_obeyed_twice(tmp_path: Path) -> None:
    async def viewer(mailbox: Mailbox, engine: Engine) -> None:
        await until(lambda: engine.state.committed > 10)
        copy = mailbox.path.with_name("copy.db")
        await answered(mailbox, "pin", program=1)
        with closing(sqlite3.connect(mailbox.path)) as connection, closing(sqlite3.connect(copy)) as other:
            connection.backup(other)
        mailbox.path.unlink()
        assert (await answered(mailbox, "unpin", program=1)).id == 1, "numbers begin anew"
        with closing(sqlite3.connect(copy)) as connection, connection:  # the first one comes back, and waits
            connection.execute("UPDATE request SET status = 'waiting', answer = ''")
        copy.replace(mailbox.path)
        await until(lambda: mailbox.get(1).status != "waiting")
        assert "stays a possible parent" in mailbox.get(1).answer
        assert engine.state.archipelago.pinned == frozenset(), "told what was done then, not done again"

    result = seen_by(viewer, tmp_path)
    assert [event.data["kind"] for event in requests_of(result.folder)] == ["pin", "unpin"]


def test_a_locked_mailbox_delays_answers_and_nothing_else(tmp_path: Path) -> None:
    async def viewer(mailbox: Mailbox, engine: Engine) -> None:
        number = mailbox.ask("pin", program=1)
        with closing(sqlite3.connect(mailbox.path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            commits = engine.state.committed
            await until(lambda: engine.state.committed > commits + 50)
            other.execute("ROLLBACK")
        await until(lambda: mailbox.get(number).status != "waiting")

    result = seen_by(viewer, tmp_path)
    assert len(requests_of(result.folder)) == 1, "obeyed once"


def test_an_error_of_our_own_ends_the_answers_not_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise KeyError("a bug")

    monkeypatch.setattr(Obedience, "_pause", broken)

    async def viewer(mailbox: Mailbox, engine: Engine) -> None:
        mailbox.ask("pause")
        await until(lambda: bool(complaints(mailbox.folder)))
        commits = engine.state.committed
        await until(lambda: engine.state.committed > commits + 20)

    result = seen_by(viewer, tmp_path)
    assert "KeyError: 'a bug'" in complaints(result.folder)[0]
    assert Mailbox(result.folder).get(1).status == "refused"


def test_a_pulse_that_cannot_be_written_is_left_out(tmp_path: Path) -> None:
    async def viewer(mailbox: Mailbox, engine: Engine) -> None:
        await until(lambda: mailbox.pulse() is not None)
        (mailbox.folder / "pulse.json.new").mkdir()
        commits = engine.state.committed
        await until(lambda: engine.state.committed > commits + 50)
        assert (await answered(mailbox, "pause")).status == "done"

    assert seen_by(viewer, tmp_path).reason == "interrupted"


def test_the_pulse_tells_what_is_evaluated(tmp_path: Path) -> None:
    async def viewer(mailbox: Mailbox, engine: Engine) -> None:
        told = engine.flights.watch(77)
        told("run", True)
        await until(lambda: any(d.ticket == 77 for d in (mailbox.pulse() or empty).evaluating))
        pulse = mailbox.pulse()
        assert pulse is not None
        assert (pulse.state, pulse.workers, pulse.asking) == ("running", 3, 0)
        (doing,) = [doing for doing in pulse.evaluating if doing.ticket == 77]
        assert (doing.stage, doing.since_s >= 0) == ("run", True)
        told("run", False)
        await until(lambda: all(d.ticket != 77 for d in (mailbox.pulse() or empty).evaluating))

    from evolve.store import Pulse

    empty = Pulse("", "running", 1, (), 0, 0, 0, 0.0)
    seen_by(viewer, tmp_path, workers=3)


def test_an_export_is_written_while_the_run_goes_on(tmp_path: Path) -> None:
    async def viewer(mailbox: Mailbox, engine: Engine) -> None:
        await until(lambda: engine.state.committed > 30)
        wrong = mailbox.ask("export", program=999_999, target=str(tmp_path / "none"))
        right = mailbox.ask("export", program=1, target=str(tmp_path / "out"))
        commits = engine.state.committed
        await until(lambda: engine.state.committed > commits + 50)
        await until(lambda: all(mailbox.get(number).status != "waiting" for number in (wrong, right)))
        done = mailbox.get(right)
        assert (done.status, str(tmp_path / "out") in done.answer) == ("done", True), done.answer
        assert mailbox.get(wrong).status == "refused"
        assert mailbox.get(wrong).answer.startswith("program 999999: this run has programs 1 to")

    seen_by(viewer, tmp_path)
    assert json.loads((tmp_path / "out" / "result.json").read_text())["program"]["id"] == 1
