"""One window, one process: what it gets, what it may ask for, how it ends."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path

import aiohttp
import pytest

from evolve.tui.web import _session
from tests.tui.web.helpers import Window, alive, gone, serving, until

STUBBORN = """
import signal, struct, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
import os
text = b"pid=%d;" % os.getpid()
os.write(1, b"__GANGLION__\\n" + b"D" + struct.pack(">I", len(text)) + text)
time.sleep(3600)
"""

NONSENSE = (
    "", "{", "[" * 100_000, "null", "[]", '["stdin"]', '["stdin", 5]', '["resize", {"width": "1"}]',
    '["resize", {"width": 1e999, "height": 2}]', '["quit"]', '["stdin", "\\ud800"]', '["ping", []]',
)  # fmt: skip


async def _pid(window: Window) -> int:
    found = re.search(r"pid=(\d+);", await window.shows("pid="))
    assert found is not None
    return int(found[1])


def _told(pid: int) -> str:
    """Return a process's arguments and environment."""
    return "".join(Path(f"/proc/{pid}/{file}").read_text() for file in ("cmdline", "environ"))


def test_keys_and_clicks_reach_the_app_and_it_ends_with_its_window() -> None:
    async def check() -> None:
        async with serving() as place:
            await place.enter()
            window = await place.window()
            pid = await _pid(window)
            await window.press("s")
            await window.shows("size=80x24;")
            await window.press("\x1b[<0;5;3M\x1b[<0;5;3m")
            await window.shows("was pressed")
            await window.socket.close()
            await gone(pid)

    asyncio.run(check())


def test_what_is_not_understood_is_dropped() -> None:
    async def check() -> None:
        async with serving() as place:
            await place.enter()
            window = await place.window()
            await window.shows("pid=")
            for text in NONSENSE:
                await window.socket.send_str(text)
            await window.socket.send_bytes(b"s")
            await window.socket.send_json(["resize", {"width": -5, "height": 10**12}])
            await window.press("s")
            await window.shows("size=20x500;")
            await window.socket.send_json(["ping", "12"])
            await window.until(lambda: ["pong", "12"] in window.said)

    asyncio.run(check())


def test_the_app_gets_no_key_and_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-something")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "something")
    monkeypatch.setenv("NO_COLOR", "1")

    async def check() -> None:
        async with serving() as place:
            await place.enter()
            window = await place.window()
            pid = await _pid(window)
            await window.press("e")

            def told() -> str:
                lines = window.screen.text.split("\n")
                return "".join(line.rstrip() for line in lines).partition("env=")[2]

            await window.until(lambda: "PATH" in told())  # the label grows a moment after its text
            names = told()
            assert "OPENAI" not in names
            assert "AWS" not in names
            assert "NO_COLOR" in names
            assert "PATH" in names
            if sys.platform == "linux":
                assert place.secret not in _told(pid)

    asyncio.run(check())


def test_windows_are_counted() -> None:
    async def check() -> None:
        async with serving(windows=2) as place:
            await place.enter()
            first, second = await place.window(), await place.window()
            await first.shows("pid=")
            await second.shows("pid=")
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await place.window()
            assert refused.value.status == 503
            async with place.client.get(place.origin) as response:
                assert response.status == 503
                assert "2 windows show this run already" in await response.text()
            pid = await _pid(first)
            await first.socket.close()
            await gone(pid)
            await asyncio.to_thread(until, lambda: len(place.server._sessions) < 2)
            third = await place.window()
            await third.shows("pid=")

    asyncio.run(check())


def test_the_window_is_told_when_the_app_ends() -> None:
    async def check() -> None:
        async with serving() as place:
            await place.enter()
            window = await place.window()
            await window.shows("pid=")
            await window.press("q")
            await window.closed()

    asyncio.run(check())


@pytest.mark.parametrize("program", ["raise SystemExit('no such run')", "print('hello'); print('x' * 70000)"])
def test_a_window_whose_app_does_not_start_is_closed(program: str) -> None:
    async def check() -> None:
        async with serving([sys.executable, "-c", program]) as place:
            await place.enter()
            window = await place.window()
            await window.closed()

    asyncio.run(check())


def test_a_window_without_a_process_is_closed_and_said(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> None:
        async with serving(["/nowhere/python"]) as place:
            await place.enter()
            window = await place.window()
            await window.closed()
            await asyncio.to_thread(until, lambda: not place.server._sessions)

    asyncio.run(check())
    assert "a window was closed: [Errno 2] No such file or directory: '/nowhere/python'" in caplog.text


def test_an_app_that_is_stuck_loses_its_window(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(_session, "LEAVE_S", 0.2)
    monkeypatch.setattr(_session, "STUCK_S", 0.2)

    async def check() -> None:
        async with serving([sys.executable, "-c", STUBBORN]) as place:
            await place.enter()
            window = await place.window()
            pid = await _pid(window)
            for _ in range(5):
                await window.press("x" * 200_000)  # more than a pipe takes
            await window.closed()
            await gone(pid)

    asyncio.run(check())
    assert "its app is stuck" in caplog.text


@pytest.mark.parametrize("leave", ["window", "server"])
def test_an_app_that_does_not_end_is_killed(leave: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_session, "LEAVE_S", 0.2)

    async def check() -> None:
        async with serving([sys.executable, "-c", STUBBORN]) as place:
            await place.enter()
            window = await place.window()
            pid = await _pid(window)
            if leave == "window":
                await window.socket.close()
                await gone(pid)
        assert not alive(pid)

    asyncio.run(check())


def test_a_file_that_the_app_delivers_is_downloaded_and_never_shown_in_place() -> None:
    async def check() -> None:
        async with serving() as place:
            await place.enter()
            window = await place.window()
            await window.shows("pid=")
            await window.press("d")
            await window.until(lambda: any(said[0] == "deliver_file_start" for said in window.said))
            key = next(str(said[1]) for said in window.said if said[0] == "deliver_file_start")

            async def fetch() -> aiohttp.ClientResponse:
                async with place.client.get(f"{place.origin}/download/{key}") as response:
                    assert await response.read() == b"what was delivered"
                    return response

            response = await fetch()
            assert response.headers["Content-Disposition"] == "attachment; filename*=UTF-8''a%20b%3B.svg"
            assert response.content_type == "application/octet-stream"

    asyncio.run(check())


def test_the_app_cannot_send_the_browser_anywhere() -> None:
    async def check() -> None:
        async with serving() as place:
            await place.enter()
            window = await place.window()
            await window.shows("pid=")
            await window.press("o")
            await window.shows("asked")
            await window.socket.send_json(["ping", "after"])
            await window.until(lambda: ["pong", "after"] in window.said)
            assert all(said[0] != "open_url" for said in window.said)

    asyncio.run(check())
