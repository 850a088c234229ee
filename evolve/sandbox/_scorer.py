"""The scorer's process: imports the problem's trusted scorer once, then judges outputs.

It is started as `python -m evolve.sandbox._scorer FD PATH`, with an empty environment. It never
runs a program: it sees only the encoded data that a program returned.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import signal
import socket
import sys
import traceback
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evolve.problem._score import Invalid, Score
from evolve.sandbox import _codec, _kernel, _wire
from evolve.sandbox.layers import _namespaces

_FEEDBACK_CHARS = 8000
_PRINTED_CHARS = 4000


class _Printed(io.TextIOBase):
    """Keeps the beginning of what the scorer prints, and counts the rest."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._room = _PRINTED_CHARS
        self._left_out = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        kept = text[: self._room]
        self._room -= len(kept)
        self._left_out += len(text) - len(kept)
        if kept:
            self._parts.append(kept)
        return len(text)

    def text(self) -> str:
        more = f"\n[{self._left_out:,} characters left out]" if self._left_out else ""
        return "".join(self._parts).encode("utf-8", "replace").decode() + more


def main() -> None:
    """Load the scorer, then serve until the engine hangs up."""
    control = socket.socket(fileno=int(sys.argv[1]))
    try:
        score = _load(Path(sys.argv[2]))
    except Exception as error:  # noqa: BLE001 - the problem author's module may raise anything
        control.sendall(_wire.pack({"failed": _trace(error, sys.argv[2])}))
        return
    _namespaces.leave_network()
    if _kernel.LINUX:
        _kernel.prctl(
            _kernel.PR_SET_PDEATHSIG, signal.SIGKILL
        )  # busy with an output, it would not see a hang-up
    control.sendall(_wire.pack({"ready": True}))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # nobody reads it from now on, so it must not fill up
    while True:
        head, body, _ = _wire.receive(control)
        printed = _Printed()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            verdict, artifact = _judge(score, head, body)
        control.sendall(_wire.pack({**verdict, "printed": printed.text()}, artifact))


def _load(path: Path) -> Callable[..., Score]:
    """Run the file itself, never a compiled copy of it that may be stale."""
    module = types.ModuleType("problem_scorer")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look their module up
    exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), module.__dict__)
    return module.score  # type: ignore[no-any-return]


def _trace(error: Exception, file: str) -> str:
    """Render an error from the author's own frames on; a syntax error has none and needs none."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename != file:
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace, limit=-6))


def _judge(score: Callable[..., Score], head: dict[str, Any], body: bytes) -> tuple[dict[str, Any], bytes]:
    """Return the reply's head and, when asked for, the encoded artifact."""
    try:
        output = _codec.decode(body)
    except _codec.CodecError as error:
        return {"verdict": "invalid", "feedback": f"the returned data cannot be read: {error}"}, b""
    try:
        result = score(output, head["params"], head["case"])
        metrics = _checked(result)
        artifact = _codec.encode(result.artifact) if head["artifact"] else b""
    except Invalid as verdict:
        return {"verdict": "invalid", "feedback": _short(str(verdict))}, b""
    except (Exception, SystemExit):  # noqa: BLE001 - anything but Invalid is an error of the problem
        return {"verdict": "error", "feedback": _short(traceback.format_exc(limit=-6))}, b""
    return {"verdict": "valid", "metrics": metrics, "feedback": _short(str(result.feedback))}, artifact


def _short(text: str) -> str:
    """Shorten a text that may quote a program's output, in the middle; and make it storable."""
    half = _FEEDBACK_CHARS // 2
    if len(text) > 2 * half:
        text = f"{text[:half]}\n[{len(text) - 2 * half:,} characters left out]\n{text[-half:]}"
    return text.encode("utf-8", "replace").decode()


def _checked(result: Any) -> dict[str, float]:
    """Return the metrics as floats; raise for what is not a Score of finite numbers."""
    if not isinstance(result, Score):
        raise TypeError(
            f"score() must return evolve.problem.Score or raise Invalid, got {type(result).__name__}"
        )
    metrics = {str(name): float(value) for name, value in result.metrics.items()}
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise ValueError(f"score() returned metric {name!r} = {value}; metrics must be finite")
    return metrics


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, _wire.Disconnected):
        sys.exit(0)
