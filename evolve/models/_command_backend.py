"""A program of the user's own that reads a prompt and writes the answer."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence

from evolve.models._backend import LONGEST_REPLY, RawReply
from evolve.models._base import Message
from evolve.models._failure import Failure
from evolve.models._settings import CommandSpec, ModelSpec

_CAP = 4 * LONGEST_REPLY
"""Bytes that the longest answer can have in UTF-8."""
_TAIL = 2000
_CHUNK = 65536
_DRAIN_S = 1.0
_LOOK_S = 0.1


class CommandBackend:
    """Starts the program for every prompt, with the user's environment: it is trusted as the shell is."""

    async def send(self, messages: Sequence[Message], spec: ModelSpec | CommandSpec) -> RawReply:
        """See `Backend.send`. Nothing is known of tokens: they count as 0."""
        assert isinstance(spec, CommandSpec)
        process = await _start(spec)
        try:
            async with asyncio.timeout(spec.timeout_s):
                output, complaint = await _talk(process, as_text(messages).encode("utf-8", "replace"), spec)
        except TimeoutError:
            await _kill(process)
            raise Failure("transient", f"{spec.name}: no answer within {spec.timeout_s:g} s") from None
        except BaseException:
            await asyncio.shield(_kill(process))
            raise
        if process.returncode:
            text = f"{spec.name}: exit code {process.returncode}: {_last(complaint)}"
            raise Failure("transient", text)
        return RawReply(output.decode("utf-8", "replace"), 0, 0)


def command_fault(spec: CommandSpec) -> str:
    """Say why a command cannot be started, and what to do; "" when nothing speaks against it."""
    program = spec.argv[0]
    if shutil.which(program) is not None:
        return ""
    return f"{spec.name}: {program!r} is no program on the PATH. Install it, or give its path in `--command`."


def as_text(messages: Sequence[Message]) -> str:
    """Return a conversation as one text: a single message as it is, more of them under their roles."""
    if len(messages) == 1:
        return messages[0].content
    return "\n\n".join(f"[{message.role}]\n{message.content}" for message in messages) + "\n"


async def _start(spec: CommandSpec) -> Process:
    try:
        # A session of its own, so that all it starts can be killed with it.
        return await asyncio.create_subprocess_exec(
            *spec.argv, stdin=PIPE, stdout=PIPE, stderr=PIPE, start_new_session=True
        )
    except (OSError, ValueError) as error:
        failure = Failure("model", f"{spec.name}: {spec.argv[0]!r} cannot be started: {error}")
    raise failure


async def _talk(process: Process, prompt: bytes, spec: CommandSpec) -> tuple[bytes, bytes]:
    async with asyncio.TaskGroup() as group:
        group.create_task(_write(process, prompt))
        output = group.create_task(_read(process))
        complaint = group.create_task(_read_tail(process.stderr))
        group.create_task(_clear_away(process, group.create_task(process.wait())))
    if len(output.result()) > _CAP:
        raise Failure("transient", f"{spec.name}: huge reply of more than {_CAP} bytes")
    return output.result(), complaint.result()


async def _clear_away(process: Process, closed: asyncio.Task[int]) -> None:
    """Kill what the program leaves behind when it has ended: it may hold the pipes open, and work on."""
    while process.returncode is None:
        # Before Python 3.12 asyncio tells of the end only when the pipes are closed as well.
        await asyncio.wait([closed], timeout=_LOOK_S)
    _kill_group(process)  # its number is not given anew as long as anyone is in it


async def _write(process: Process, prompt: bytes) -> None:
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):  # it need not read all, or anything
        process.stdin.write(prompt)
        await process.stdin.drain()
    process.stdin.close()


async def _read(process: Process) -> bytes:
    """Read the answer to its end; whoever writes too much is killed."""
    assert process.stdout is not None
    kept = bytearray()
    while chunk := await process.stdout.read(_CHUNK):
        if len(kept) <= _CAP:
            kept += chunk
            if len(kept) > _CAP:
                _kill_group(process)
    return bytes(kept)


async def _read_tail(stream: asyncio.StreamReader | None) -> bytes:
    """Read to the end and keep the last part."""
    assert stream is not None
    kept = b""
    while chunk := await stream.read(_CHUNK):
        kept = (kept + chunk)[-_TAIL:]
    return kept


async def _kill(process: Process) -> None:
    """Kill the whole process group, let the pipes run empty and close them."""
    _kill_group(process)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_S):  # whoever has left the group may hold the pipes open
            await asyncio.gather(_read(process), _read_tail(process.stderr), process.wait())
    # asyncio closes pipes at their end only; there is no public way to close them earlier.
    with contextlib.suppress(PermissionError):  # after the pipes it would kill the process once more
        process._transport.close()  # type: ignore[attr-defined]


def _kill_group(process: Process) -> None:
    # Some or all in the group may run as another user, with a program that is set to do so.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _last(complaint: bytes) -> str:
    lines = complaint.decode("utf-8", "replace").strip().splitlines()
    return " | ".join(lines[-3:]) or "it says nothing on its error output"
