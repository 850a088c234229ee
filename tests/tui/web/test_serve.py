"""The server as a process: how it is told to begin and to end."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest

from evolve.engine import Budget, run
from evolve.errors import RunError, UsageError
from evolve.tui import web
from evolve.tui.web import _child, _serve
from tests.conftest import toy_problem
from tests.tui.web.helpers import LITTLE_APP, PATIENCE_S, Screen, Window, alive, until

SERVER = """
import json, sys
from evolve.tui.web._serve import serve_command
serve_command(json.loads(sys.argv[1]), name="run", announce=lambda text: print(text, flush=True))
"""


@pytest.fixture
def server() -> Iterator[subprocess.Popen[str]]:
    """Return a server in a process of its own, with the little app."""
    command = json.dumps([*LITTLE_APP, "--watch-server"])
    with subprocess.Popen(
        [sys.executable, "-c", SERVER, command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        yield process
        process.kill()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return next(word for word in process.stdout.readline().split() if word.startswith("http://"))


async def _open_and(address: str, end: int, process: subprocess.Popen[str]) -> int:
    """Open a window, send the server a signal; return the app's process id."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        await (await client.get(address)).read()
        origin = address.partition("/?")[0]
        window = Window(await client.ws_connect(f"{origin}/ws", origin=origin), Screen(), [])
        text = await window.shows("pid=")
        process.send_signal(end)
        await window.closed()
        return int(text.partition("pid=")[2].partition(";")[0])


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_server_and_its_apps(server: subprocess.Popen[str], end: int) -> None:
    pid = asyncio.run(_open_and(_address(server), end, server))
    _, errors = server.communicate(timeout=PATIENCE_S)
    assert (server.returncode, errors) == (0, "")
    assert not alive(pid)


def test_apps_end_with_a_server_that_is_killed(server: subprocess.Popen[str]) -> None:
    pid = asyncio.run(_open_and(_address(server), signal.SIGKILL, server))
    until(lambda: not alive(pid))


def _serve_nothing(port: int | None = None) -> None:
    _serve.serve_command([], name="run", announce=lambda _: None, port=port)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("_server", "_session"):
        monkeypatch.delitem(sys.modules, f"evolve.tui.web.{module}", raising=False)
    for module in ("textual_serve", "textual_serve.app_service", "textual_serve.download_manager"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=r"needs the extra `web`.*pip install 'evolve-engine\[web\]'"):
        _serve_nothing()


def test_a_port_that_cannot_be_used_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(UsageError, match=rf"--port {taken}: cannot be listened on at 127\.0\.0\.1"):
            _serve_nothing(taken)
    with pytest.raises(UsageError, match="--port 70000: must be between 1 and 65535"):
        _serve_nothing(70_000)


def test_a_window_is_a_process_of_the_app_on_that_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(_serve, "serve_command", lambda command, **_: commands.append(command))
    monkeypatch.chdir(tmp_path)
    run(toy_problem(tmp_path), budget=Budget(max_evals=1), runs=tmp_path / "runs", run_id="a run; rm")
    web.serve(Path("runs/a run; rm"), announce=lambda _: None)
    folder = str(tmp_path / "runs" / "a run; rm")
    assert commands == [[sys.executable, "-P", "-m", "evolve.tui.web._child", folder]]
    with pytest.raises(RunError, match="holds no run"):
        web.serve(tmp_path, announce=lambda _: None)
    assert len(commands) == 1


def test_a_run_that_cannot_be_shown_is_said_in_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def watch(folder: Path, runs: Path) -> None:
        raise RunError(f"{folder}: is not a run in {runs}")

    monkeypatch.setattr("evolve.tui.watch", watch)
    with pytest.raises(SystemExit, match=f"error: {tmp_path}/gone: is not a run in {tmp_path}"):
        _child.main(tmp_path / "gone")
