"""Serve from the command line: `python -m evolve.testing.model_server --port 8000 --latency 1.0`."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import tempfile
from pathlib import Path

from evolve.errors import EvolveError
from evolve.testing.model_server._script import Script
from evolve.testing.model_server._serve import serve


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m evolve.testing.model_server",
        description="A scripted model that speaks the OpenAI protocol on loopback. "
        "The first line it prints is its URL.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--latency", type=float, help="seconds from a request to its answer")
    parser.add_argument(
        "--script",
        type=Path,
        help="TOML file that decides the answers, such as: shares = { ok = 0.7, server_error = 0.3 }",
    )
    parser.add_argument("--log", type=Path, help="file that each call is appended to, as a line of JSON")
    parser.add_argument("--tied", action="store_true", help="end when standard input does")
    return parser.parse_args()


def _announce(url: str) -> None:
    sys.stdout.write(url + "\n")
    sys.stdout.flush()


def _refusal(text: str) -> int:
    sys.stderr.write(f"error: {text}\n")
    return 2


def _end_with_input(until: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        until.set()


async def _run(options: argparse.Namespace, script: Script, log: Path) -> None:
    until = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, until.set)
    if options.tied:
        loop.add_reader(sys.stdin.fileno(), _end_with_input, until)
    await serve(script, log, options.port, _announce, until)


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    options = _options()
    try:
        script = Script.load(options.script) if options.script else Script()
    except EvolveError as error:
        sys.exit(_refusal(str(error)))
    if options.latency is not None:
        script = script.model_copy(update={"latency_s": options.latency})
    with tempfile.TemporaryDirectory() as folder:
        try:
            asyncio.run(_run(options, script, options.log or Path(folder) / "calls.jsonl"))
        except OSError as error:
            hint = "Take another port, or 0 for a free one."
            sys.exit(_refusal(f"port {options.port}: cannot be listened at ({error.strerror}). {hint}"))


if __name__ == "__main__":
    main()
