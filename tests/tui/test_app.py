from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import sqlite3
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from textual.widgets import TextArea

from evolve.store import Mailbox
from evolve.tui._actions import ACTIONS
from evolve.tui._commands import Commands
from evolve.tui._run_screen import NAMES
from evolve.tui._settings import Settings
from evolve.tui.archive import ArchivePane
from evolve.tui.data._run import News
from evolve.tui.lineage import LineagePane
from evolve.tui.overview import Overview
from evolve.tui.program import ProgramScreen
from evolve.tui.program._screen import VIEWS
from evolve.tui.programs import Programs
from evolve.tui.widgets import Rows
from tests.tui.hostile import HOSTILE, MARKUP, NAME, poison
from tests.tui.pilots import Driver, app_of, press, text, told, until, until_shown, watching
from tests.tui.runs import Made, make_run


def drive(
    folder: Path, *keys: str, steps: Callable[[Driver], Awaitable[None]], size: tuple[int, int] = (80, 24)
) -> None:
    """Open the app, press keys, then go through steps."""

    async def session() -> None:
        async with watching(folder, *keys, size=size) as pilot:
            await steps(pilot)

    asyncio.run(session())


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Path]:
    """A run with an engine that answers nobody."""
    folder = make_run(tmp_path / "runs" / "live", 60, stopped=False).folder
    lock = os.open(folder / "run.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    yield folder
    os.close(lock)


# -- the run as a whole --------------------------------------------------------------------------------


def test_the_first_screen_says_how_the_run_stands(made: Made) -> None:
    async def steps(pilot: Driver) -> None:
        best = made.state.best
        assert best is not None
        await until_shown(pilot, "max_evals", f"best {best[1]:.10g}", "[1 overview]", "best sum_radii")
        assert f"{made.state.evaluations} of 400 evaluations" in text(pilot)

    drive(made.folder, steps=steps)


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (200, 60)])
def test_every_pane_opens_by_its_number_and_fits(made: Made, size: tuple[int, int]) -> None:
    words = {
        "overview": "budget",
        "archive": "under the cursor",
        "programs": "400 programs",
        "lineage": "lineage of the best program",
        "picture": "program",
        "control": "no engine is at work",
        "runs": "this run",
    }

    async def steps(pilot: Driver) -> None:
        for number, name in enumerate(NAMES, 1):
            await press(pilot, str(number))
            await until_shown(pilot, f"[{number} {name}]", words[name])
            lines = text(pilot).split("\n")
            assert len(lines) == size[1]
            assert max(map(len, lines)) <= size[0]

    drive(made.folder, steps=steps, size=size)


def test_panes_are_turned_by_keys_and_by_the_mouse(made: Made) -> None:
    async def steps(pilot: Driver) -> None:
        screen = app_of(pilot).run_screen
        await press(pilot, "right_square_bracket")
        assert screen.pane == "archive"
        await press(pilot, "left_square_bracket", "left_square_bracket")
        assert screen.pane == "runs"
        await pilot.click("#panes", offset=(28, 0))
        await until(pilot, lambda: screen.pane == "programs")

    drive(made.folder, steps=steps)


def test_a_resize_redraws(made: Made) -> None:
    async def steps(pilot: Driver) -> None:
        for size in ((200, 60), (80, 24), (100, 30)):
            await pilot.resize_terminal(*size)
            await until(pilot, lambda size=size: len(text(pilot).split("\n")) == size[1])  # type: ignore[misc]
            await until_shown(pilot, "best sum_radii")

    drive(made.folder, steps=steps)


def test_news_of_a_live_run_appear(tmp_path: Path, live: Path) -> None:
    async def steps(pilot: Driver) -> None:
        await until_shown(pilot, "▶ running")
        app = app_of(pilot)
        assert app.run_screen.run.ledger.size == 60
        more = make_run(tmp_path / "longer", 75, stopped=False).folder
        with sqlite3.connect(live / "run.db") as connection:
            connection.execute("ATTACH ? AS more", (str(more / "run.db"),))
            for table in ("source", "program", "evaluation", "parentage"):
                connection.execute(f"INSERT OR IGNORE INTO {table} SELECT * FROM more.{table}")
        connection.close()
        await until(pilot, lambda: app.run_screen.run.ledger.size == 75)
        await press(pilot, "3")
        await until_shown(pilot, "75 programs")

    drive(live, steps=steps)


def test_trouble_with_the_store_is_said_and_the_app_stays(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "runs" / "broken", 30).folder

    async def steps(pilot: Driver) -> None:
        with sqlite3.connect(folder / "run.db") as connection:
            connection.execute("DROP TABLE evaluation")
        connection.close()
        await until_shown(pilot, "✗", "run.db")
        await press(pilot, "3", "2", "1")
        assert app_of(pilot).is_running

    drive(folder, steps=steps)


# -- overview ------------------------------------------------------------------------------------------


def test_the_curve_changes_scale_and_axis(made: Made) -> None:
    async def steps(pilot: Driver) -> None:
        overview = pilot.app.screen.query_one(Overview)
        assert overview.scale == "close"
        await until_shown(pilot, "the first steep steps cut off")
        await press(pilot, "z")
        await until(pilot, lambda: "cut off" not in text(pilot))
        await press(pilot, "z")
        await until_shown(pilot, "gap of the best sum_radii to 2.635983085")
        await press(pilot, "z", "x")
        await until_shown(pilot, "seconds of run time")
        assert (overview.scale, overview.axis) == ("close", "time")
        await press(pilot, "G")
        await until_shown(pilot, "latest events", "stopped: max_evals")

    drive(made.folder, steps=steps)


# -- archive -------------------------------------------------------------------------------------------


def test_the_map_is_walked_and_its_elite_opened(made: Made) -> None:
    async def steps(pilot: Driver) -> None:
        pane = pilot.app.screen.query_one(ArchivePane)
        await until(pilot, lambda: pane.program is not None)
        elites = made.state.archipelago.islands[0].archive.elites()
        assert pane.program == elites.ids[elites.fitness.argmax()]
        await until_shown(pilot, f"program {pane.program}", "★")
        start = pane.map.cursor
        await press(pilot, "k")
        assert pane.map.cursor == (start[0] + 1, start[1])
        await press(pilot, "down", "l", "h", "n")
        assert pane.program in set(elites.ids.tolist())
        chosen = pane.program
        await press(pilot, "N", "e")
        assert pane.map.cursor == start
        await press(pilot, "n", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProgramScreen))
        await until_shown(pilot, f"program {chosen} ")

    drive(made.folder, "2", steps=steps)


def test_islands_measures_and_history(made: Made) -> None:
    async def steps(pilot: Driver) -> None:
        pane = pilot.app.screen.query_one(ArchivePane)
        await until_shown(pilot, "island 0 of 0 to 3", "↑ radius_std")
        await press(pilot, "i")
        await until_shown(pilot, "island 1 of 0 to 3")
        await press(pilot, "I", "I")
        await until_shown(pilot, "island 3 of 0 to 3")
        await press(pilot, "m")
        await until_shown(pilot, "↑ corner_ratio")
        await press(pilot, "v")
        await until_shown(pilot, "coverage in per cent", "● island 0")
        await press(pilot, "v", "t")
        assert app_of(pilot).run_screen.pane == "lineage"
        assert pane.program == app_of(pilot).run_screen.selected

    drive(made.folder, "2", steps=steps)


# -- programs ------------------------------------------------------------------------------------------


def test_the_table_is_sorted_filtered_and_searched(made: Made) -> None:
    async def steps(pilot: Driver) -> None:
        pane = pilot.app.screen.query_one(Programs)
        best = made.state.best
        assert best is not None
        assert pane.program_at(0) == 400
        await press(pilot, "s")
        await until_shown(pilot, "score▼")
        assert pane.program_at(0) == best[0]
        await press(pilot, "r")
        await until_shown(pilot, "score▲")
        await press(pilot, "S")
        await until_shown(pilot, "program▼")
        await press(pilot, "slash", *"island:2")
        await until_shown(pilot, "100 of 400 programs")
        await press(pilot, "enter")
        assert pane.table.has_focus
        await press(pilot, "c")
        await until_shown(pilot, " 400 programs")
        await press(pilot, "slash", *'"line 3:" score>2', "enter")
        await until(pilot, lambda: not pane.searching and 0 < len(pane.listing.rows) < 40)
        await press(pilot, "c", "slash", *"colour:red")
        await until_shown(pilot, "no such filter")

    drive(made.folder, "3", steps=steps)


def test_a_click_on_a_heading_sorts_and_another_one_turns_the_order_round(made: Made) -> None:
    async def steps(pilot: Driver) -> None:
        pane = pilot.app.screen.query_one(Programs)
        best = made.state.best
        assert best is not None
        heading = text(pilot).split("\n")[2].index("score")
        await pilot.click("#table", offset=(heading, 0))
        await until_shown(pilot, "score▼")
        assert pane.program_at(0) == best[0]
        await pilot.click("#table", offset=(heading, 0))
        await until_shown(pilot, "score▲")
        await press(pilot, "l")  # the table is scrolled to the right, and so are its headings
        heading = text(pilot).split("\n")[2].index("cost")
        await pilot.click("#table", offset=(heading, 0))
        await until_shown(pilot, "cost▼")

    drive(made.folder, "3", steps=steps)


def test_the_cursor_stays_on_its_program_when_rows_move(live: Path) -> None:
    async def steps(pilot: Driver) -> None:
        pane = pilot.app.screen.query_one(Programs)
        await press(pilot, "j", "j", "j")
        program = pane.program_at(pane.table.cursor)
        pane.listing.sort, pane.listing.descending = "id", False
        pane.draw()
        assert pane.program_at(pane.table.cursor) == program

    drive(live, "3", steps=steps)


def test_paging_ends_at_the_ends(made: Made) -> None:
    async def steps(pilot: Driver) -> None:
        table = pilot.app.screen.query_one("#table", Rows)
        await press(pilot, "G")
        assert table.cursor == 399
        await press(pilot, "j", "pagedown")
        assert table.cursor == 399
        await until_shown(pilot, "      1   ")
        await press(pilot, "g", "k", "pageup")
        assert table.cursor == 0
        await press(pilot, "ctrl+d")
        assert 0 < table.cursor < 24
        await press(pilot, "right")
        assert table.scroll_offset.x > 0
        await press(pilot, "h")
        assert table.scroll_offset.x == 0

    drive(made.folder, "3", steps=steps)


# -- one program ---------------------------------------------------------------------------------------


def test_a_page_has_all_its_views_and_neighbours(made: Made) -> None:
    async def steps(pilot: Driver) -> None:
        screen = pilot.app.screen
        assert isinstance(screen, ProgramScreen)
        await until_shown(pilot, "def pack(n):")
        for view in VIEWS[1:]:
            await press(pilot, "tab")
            await until_shown(pilot, f"[{view}]")
        await until_shown(pilot, "no model was asked")
        await press(pilot, "tab", "a")
        await until_shown(pilot, "[diff]", "from main parent")
        await press(pilot, "a")
        await until_shown(pilot, "(2 of ")
        before = screen.program
        await press(pilot, "n")
        assert screen.program == before - 1
        await press(pilot, "N", "N")
        assert screen.program == before
        assert "there is none further in the table" in told(pilot)
        await press(pilot, "u")
        assert screen.program < before
        await press(pilot, "w")
        assert not screen.wrap
        await press(pilot, "escape")
        assert app_of(pilot).screen is app_of(pilot).run_screen

    drive(made.folder, "3", "enter", steps=steps)


def test_the_best_and_any_number_are_opened_from_everywhere(made: Made) -> None:
    async def steps(pilot: Driver) -> None:
        best = made.state.best
        assert best is not None
        await press(pilot, "b")
        await until_shown(pilot, f"program {best[0]} ", "[source]")
        await press(pilot, "escape", "o", *"1234", "enter")
        await until_shown(pilot, "must be the number of a committed program, 1 to 400")
        await press(pilot, *["backspace"] * 4, *"17", "enter")
        await until_shown(pilot, "program 17 ")
        await press(pilot, "t")
        assert app_of(pilot).run_screen.pane == "lineage"
        assert pilot.app.screen.query_one(LineagePane).root == 17

    drive(made.folder, "5", steps=steps)


# -- lineage -------------------------------------------------------------------------------------------


def test_the_tree_is_walked_and_told(made: Made) -> None:
    async def steps(pilot: Driver) -> None:
        pane = pilot.app.screen.query_one(LineagePane)
        await until_shown(pilot, "lineage of the best program", "◉")
        await press(pilot, "g", "space")
        await until_shown(pilot, "lineage of program 1:")
        await press(pilot, "backspace")
        await until_shown(pilot, "lineage of the best program")
        await press(pilot, "v")
        await until_shown(pilot, "It begins with program 1")
        await press(pilot, "v", "g", "enter")
        await until_shown(pilot, "program 1 ", "[source]")
        await press(pilot, "escape", "e")
        assert pane.root == (made.state.best or (0,))[0]

    drive(made.folder, "4", steps=steps)


# -- control -------------------------------------------------------------------------------------------


def test_a_finished_run_can_only_be_looked_at(made: Made) -> None:
    async def steps(pilot: Driver) -> None:
        await until_shown(pilot, "no engine is at work on this run")
        await press(pilot, "p", "w", "i", "s")
        assert pilot.app.screen is app_of(pilot).run_screen
        assert not (made.folder / "requests.db").exists()

    drive(made.folder, "6", steps=steps)


def test_requests_are_left_for_the_engine_and_its_answers_told(live: Path) -> None:
    mailbox = Mailbox(live)

    async def steps(pilot: Driver) -> None:
        screen = app_of(pilot).run_screen
        await until(pilot, lambda: screen.run.running)
        await press(pilot, "p")
        await until(pilot, lambda: len(mailbox.latest()) == 1)
        await press(pilot, "r")
        await until(pilot, lambda: len(mailbox.latest()) == 2)
        await press(pilot, "w")
        await until_shown(pilot, "Programs evaluated at once")
        await press(pilot, *"many", "enter")
        await until_shown(pilot, "must be a whole number from 1 to 1024")
        await press(pilot, *["backspace"] * 4, *"3", "enter")
        await until(pilot, lambda: len(mailbox.latest()) == 3)
        await press(pilot, "s")
        await until_shown(pilot, "Yes, stop it cleanly")
        await press(pilot, "escape", "s", "down", "enter")
        await until(pilot, lambda: len(mailbox.latest()) == 4)
        screen.select(7)
        await press(pilot, "plus")
        await until(pilot, lambda: len(mailbox.latest()) == 5)
        await press(pilot, "minus", "exclamation_mark", "underscore")
        await until(pilot, lambda: len(mailbox.latest()) == 8)
        asked = [(one.kind, dict(one.arguments)) for one in mailbox.latest()]
        assert asked[:5] == [
            ("pause", {}),
            ("resume", {}),
            ("workers", {"count": 3}),
            ("stop", {}),
            ("pin", {"program": 7}),
        ]
        assert sorted(kind for kind, _ in asked[5:]) == ["ban", "unban", "unpin"]
        mailbox.answer(1, "done", "paused; what is in flight is finished first")
        mailbox.answer(5, "refused", "program 7 is pinned already")
        await until(pilot, lambda: any("is pinned already" in message for message in told(pilot)))
        await until_shown(pilot, "what is in flight")

    drive(live, "6", steps=steps, size=(120, 40))


def test_a_program_is_written_and_put_in(live: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def steps(pilot: Driver) -> None:
        await until(pilot, lambda: app_of(pilot).run_screen.run.running)
        await press(pilot, "i")
        await until_shown(pilot, "a program to put into the run", "def pack(n):")
        await press(pilot, *"# mine", "enter", "ctrl+s")
        mailbox = Mailbox(live)
        await until(pilot, lambda: len(mailbox.latest()) == 1)
        (request,) = mailbox.latest()
        assert request.kind == "inject"
        assert request.arguments["text"].startswith("# mine\ndef pack(n):")
        assert request.arguments["island"] is None

    monkeypatch.setenv("EDITOR", "false")
    drive(live, "6", steps=steps)


def test_the_users_editor_is_a_key_away_from_the_text(live: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VISUAL", f'{sys.executable} -c \'import sys; open(sys.argv[1], "w").write("mine")\'')

    async def steps(pilot: Driver) -> None:
        await until(pilot, lambda: app_of(pilot).run_screen.run.running)
        monkeypatch.setattr(pilot.app, "suspend", contextlib.nullcontext)  # there is no terminal to give away
        await press(pilot, "i")
        await until_shown(pilot, "^o editor")
        await press(pilot, "ctrl+o")
        area = pilot.app.screen.query_one(TextArea)
        await until(pilot, lambda: area.text == "mine")
        assert area.has_focus

    drive(live, "6", steps=steps)


def test_a_terminal_that_nobody_looks_at_is_served_seldom(live: Path) -> None:
    async def steps(pilot: Driver) -> None:
        screen = app_of(pilot).run_screen
        looks = 0
        news = screen.desk.news

        async def counted() -> News:
            nonlocal looks
            looks += 1
            return await news()

        screen.desk.news = counted  # type: ignore[method-assign]
        app_of(pilot).app_focus = False
        await asyncio.sleep(0.5)  # what was on its way is over
        looks = 0
        await asyncio.sleep(0.5)
        away, looks = looks, 0
        app_of(pilot).app_focus = True
        await until(pilot, lambda: looks > 2 * away + 2)

    drive(live, steps=steps)


def test_an_export_asks_where_to(live: Path) -> None:
    async def steps(pilot: Driver) -> None:
        screen = app_of(pilot).run_screen
        await until(pilot, lambda: screen.run.running)
        await press(pilot, "E")
        await until(pilot, lambda: "select a program first" in told(pilot))
        screen.select(9)
        await press(pilot, "E")
        await until_shown(pilot, "export program 9", "program-9")
        await press(pilot, "enter")
        mailbox = Mailbox(live)
        await until(pilot, lambda: len(mailbox.latest()) == 1)
        assert mailbox.latest()[0].arguments["target"] == str(live / "program-9")

    drive(live, "6", steps=steps, size=(120, 30))


# -- runs ----------------------------------------------------------------------------------------------


def test_runs_are_compared_and_switched(tmp_path: Path) -> None:
    first = make_run(tmp_path / "runs" / "one", 40).folder
    make_run(tmp_path / "runs" / "two", 60, seed=1)
    make_run(tmp_path / "runs" / "other", 30, problem="heilbronn_triangle")
    (tmp_path / "runs" / "wreck").mkdir()
    (tmp_path / "runs" / "wreck" / "run.db").write_text("nonsense")

    async def steps(pilot: Driver) -> None:
        await until_shown(pilot, "one", "two", "other", "wreck", "unreadable")
        table = pilot.app.screen.query_one("#list", Rows)
        rows = [line for line in text(pilot).split("\n") if "max_evals" in line or "unreadable" in line]
        at = {
            name: next(i for i, line in enumerate(rows[1:]) if f" {name} " in line)
            for name in ("two", "other")
        }
        table.move_to(at["two"])
        await press(pilot, "space")
        await until_shown(pilot, "● one", "▲ two")
        table.move_to(at["other"])
        await press(pilot, "space")
        assert "only runs of the same problem and parameters can be compared" in told(pilot)
        await press(pilot, "enter")
        await until(pilot, lambda: app_of(pilot).run_screen.run.about.name == "other")
        await until(pilot, lambda: app_of(pilot).run_screen.run.ledger.size == 30)

    drive(first, "7", steps=steps, size=(120, 40))


# -- the app -------------------------------------------------------------------------------------------


def test_every_action_is_a_command_of_the_palette(made: Made) -> None:
    async def steps(pilot: Driver) -> None:
        names = [name for _, _, name in Commands(pilot.app.screen)._all()]
        for area in (*NAMES, "app", "program"):
            for action in ACTIONS[area]:
                if action.name != "command_palette":
                    assert f"{area}: {action.verb}" in names
        await press(pilot, "ctrl+p")
        await pilot.press(*"programs: Sort by the next")
        await until_shown(pilot, "programs: Sort by the next column")
        await press(pilot, "enter")
        await until(pilot, lambda: app_of(pilot).run_screen.pane == "programs")
        await until_shown(pilot, "score▼")

    drive(made.folder, steps=steps)


def test_help_explains_each_screen(made: Made) -> None:
    async def steps(pilot: Driver) -> None:
        for number, name in enumerate(NAMES, 1):
            await press(pilot, str(number), "question_mark")
            await until_shown(pilot, ACTIONS[name][0].verb)
            await press(pilot, "escape")
        await press(pilot, "b", "question_mark")
        await until_shown(pilot, "[program.back]")

    drive(made.folder, steps=steps, size=(120, 50))


def test_a_users_keys_replace_ours(made: Made) -> None:
    async def session() -> None:
        settings = Settings(keys={"programs.sort": "f2", "app.overview": "f3"}, theme="textual-light")
        async with watching(made.folder, "3", settings=settings) as pilot:
            assert not pilot.app.current_theme.dark
            await press(pilot, "s")
            assert "program▼" in text(pilot)
            await press(pilot, "f2")
            await until_shown(pilot, "score▼")
            await press(pilot, "f3")
            assert app_of(pilot).run_screen.pane == "overview"

    asyncio.run(session())


def test_colours_and_pictures(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    async def steps(pilot: Driver) -> None:
        await press(pilot, "ctrl+t")
        assert not pilot.app.current_theme.dark
        await until_shown(pilot, "best sum_radii")
        await press(pilot, "ctrl+s")
        (path,) = await asyncio.to_thread(lambda: list(tmp_path.glob("*.svg")))
        assert "<svg" in path.read_text()

    drive(made.folder, steps=steps)


@pytest.mark.parametrize("pane", ["1", "2", "3", "4", "6", "7"])
def test_without_colours_every_pane_says_the_same(
    made: Made, pane: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    async def steps(pilot: Driver) -> None:
        await pilot.pause(0.3)
        await until(pilot, lambda: "reading" not in text(pilot))
        seen.append(text(pilot))

    drive(made.folder, pane, steps=steps)
    monkeypatch.setenv("NO_COLOR", "1")
    drive(made.folder, pane, steps=steps)
    assert seen[0] == seen[1]


def test_leaving_asks_only_about_a_run_that_it_began(live: Path) -> None:
    async def session(*keys: str, ask: bool) -> object:
        async with watching(live, ask_to_stop=ask) as pilot:
            await until(pilot, lambda: app_of(pilot).run_screen.run.running)
            await press(pilot, "q")
            if ask:
                await until_shown(pilot, "Leave it running")
                await press(pilot, *keys)
            await until(pilot, lambda: not pilot.app._running or pilot.app.return_value is not None)
            return pilot.app.return_value

    assert asyncio.run(session(ask=False)) == "leave"
    assert asyncio.run(session("enter", ask=True)) == "leave"
    assert asyncio.run(session("down", "enter", ask=True)) == "stop"


@pytest.mark.parametrize("declared", [True, False], ids=["problem at hand", "problem of a hostile name"])
def test_hostile_text_is_shown_on_every_screen_and_does_nothing(tmp_path: Path, declared: bool) -> None:
    folder = make_run(tmp_path / "runs" / NAME.replace("/", ""), 12, models=True).folder
    poison(folder, 7)
    if not declared:
        config = (folder / "config.toml").read_text()
        name = f"problem {NAME} {MARKUP} {HOSTILE}"
        (folder / "config.toml").write_text(
            config.replace('problem = "circle_packing"', f"problem = {json.dumps(name)}")
        )

    async def steps(pilot: Driver) -> None:
        seen: list[str] = []

        async def look(*keys: str) -> None:
            await press(pilot, *keys)
            await pilot.pause(0.3)
            seen.append(text(pilot))
            strips = pilot.app.screen._compositor.render_strips()
            assert all(part.style is None or not part.style.link for strip in strips for part in strip)

        await look()
        for keys in ("1", "z", "2", "v", "v", "3", "s", "4", "v", "v", "5", "6", "7", "question_mark"):
            await look(keys)
        await look("escape", "3", "slash", *"source:danger")
        await look("enter", "c", "o", *"7", "enter")
        await until_shown(pilot, "program 7 ")
        for _ in VIEWS:
            await look()
            await look("w")
            await look("end")
            await look("tab")
        await look("a")
        await look("question_mark")
        await look("escape", "t")
        await look("ctrl+p", *"prog")
        assert app_of(pilot).is_running
        for screen in seen:
            assert not any(mark in screen for mark in HOSTILE), screen
        whole = "\n".join(seen)
        for said in ("[red]danger[/red]", "[red]run[red]", "␛[2J", "⟨202E⟩"):
            assert said in whole

    drive(folder, steps=steps, size=(100, 30))
