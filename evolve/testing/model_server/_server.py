"""The server as a context manager: in a thread of this process, or in a process of its own."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import tomli_w

from evolve.testing.model_server._log import Log
from evolve.testing.model_server._script import Script
from evolve.testing.model_server._serve import serve

_STOP_S = 10.0


class ModelServer:
    """A scripted model that speaks the OpenAI protocol on loopback, for as long as the context lasts.

        with ModelServer(mixed(0.3), latency_s=0.1) as server:
            await litellm.acompletion("openai/scripted", messages, api_base=server.url, api_key="none")
            assert server.calls == 1

    What the server has seen is read from its log, so it is known after the context has ended too. The log
    outlives the context only if its path is given.
    """

    def __init__(
        self,
        script: Script | Mapping[str, Any] | Path | None = None,
        *,
        latency_s: float | None = None,
        log: Path | None = None,
        port: int = 0,
        process: bool = False,
    ) -> None:
        """Describe the server.

        Args:
            script: Decides the answers; a mapping of its fields, or a TOML file. None: all is well.
            latency_s: In place of the script's.
            log: File that each call is appended to; by default a temporary one.
            port: 0 takes a free one.
            process: Serve in a process of its own, so that it costs this process nothing: what a load
                test needs. In a thread, it starts at once.
        """
        if isinstance(script, Path):
            script = Script.load(script)
        elif not isinstance(script, Script):
            script = Script.model_validate(script or {})
        if latency_s is not None:
            script = script.model_copy(update={"latency_s": latency_s})
        self.script = script
        self._port = port
        self._given_log = log
        self._process = process
        self._final: Log | None = None
        self._url = ""

    def __enter__(self) -> ModelServer:
        self._undo = contextlib.ExitStack()
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            self._log = self._given_log or folder / "calls.jsonl"
            way = _in_process if self._process else _in_thread
            self._url = stack.enter_context(way(self.script, self._log, self._port, folder))
            self._undo = stack.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._final = self.requests
        self._undo.close()

    @property
    def url(self) -> str:
        """What clients call `api_base` or `base_url`."""
        return self._url

    @property
    def requests(self) -> Log:
        """All calls up to now, in their order."""
        return Log.read(self._log) if self._final is None else self._final

    @property
    def calls(self) -> int:
        """How many chat completions were asked for, in whatever way they ended."""
        return self.requests.calls

    @property
    def tokens(self) -> int:
        """Tokens of prompts and replies that a client could read."""
        return self.requests.tokens

    @property
    def paid_prompts(self) -> Counter[str]:
        """How often each prompt, by its hash, was answered in full: more than once is paid twice."""
        return self.requests.paid_prompts


@contextlib.contextmanager
def _in_thread(script: Script, log: Path, port: int, _folder: Path) -> Iterator[str]:
    started: SimpleQueue[str | BaseException] = SimpleQueue()
    stop: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def run() -> None:
        until = asyncio.Event()
        stop.append((asyncio.get_running_loop(), until))
        await serve(script, log, port, started.put, until)

    def body() -> None:
        try:
            asyncio.run(run())
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            started.put(error)

    thread = threading.Thread(target=body, name="model-server", daemon=True)
    thread.start()
    url = started.get()
    if isinstance(url, BaseException):
        raise url
    try:
        yield url
    finally:
        loop, until = stop[0]
        loop.call_soon_threadsafe(until.set)
        thread.join(_STOP_S)


@contextlib.contextmanager
def _in_process(script: Script, log: Path, port: int, folder: Path) -> Iterator[str]:
    path = folder / "script.toml"
    path.write_bytes(tomli_w.dumps(script.model_dump(mode="json")).encode())
    command = [sys.executable, "-m", "evolve.testing.model_server", "--tied"]
    command += ["--port", str(port), "--script", str(path), "--log", str(log)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError("the model server did not start; what it wrote to stderr says why")
            yield url
        finally:
            process.terminate()
