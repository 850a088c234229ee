"""A server on the loopback that answers as it is told."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Answer:
    """What the server does with one request.

    Attributes:
        status: HTTP status.
        body: Body; what is neither text nor bytes is sent as JSON.
        headers: Further headers.
        then: "drop" closes before a byte is sent, "cut" within the body, "stall" stops within the body.
    """

    status: int = 200
    body: Any = ""
    headers: dict[str, str] = field(default_factory=dict)
    then: Literal["", "drop", "cut", "stall"] = ""


@dataclass
class Server:
    """A running server.

    Attributes:
        url: Its address.
        requests: (head, JSON body) of every request so far.
    """

    url: str
    requests: list[tuple[str, Any]]


def chat(text: str | None = "hello", **changes: Any) -> Answer:
    """Return the answer of a chat model."""
    body = {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "toy",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": changes.pop("finish", "stop"),
            }
        ],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
    }
    return Answer(body={**body, **changes})


def error(status: int, message: str, headers: dict[str, str] | None = None, **fields: Any) -> Answer:
    """Return an error as OpenAI words it."""
    return Answer(status, {"error": {"message": message, "type": "x", **fields}}, headers or {})


@contextlib.asynccontextmanager
async def serving(answers: Sequence[Answer]) -> AsyncIterator[Server]:
    """Serve the answers in turn, the last one for ever."""
    requests: list[tuple[str, Any]] = []
    tasks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = int(head.lower().split("content-length:")[1].split("\r\n")[0])
                requests.append((head, json.loads(await reader.readexactly(length))))
                answer = answers[min(len(requests), len(answers)) - 1]
                if answer.then == "drop":
                    return
                writer.write(_render(answer))
                await writer.drain()
                if answer.then == "stall":
                    await asyncio.Event().wait()
                if answer.then == "cut":
                    return

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await talk(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            tasks.discard(task)
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, limit=1 << 24)
    host, port = server.sockets[0].getsockname()
    try:
        yield Server(f"http://{host}:{port}/v1", requests)
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _render(answer: Answer) -> bytes:
    """Render status, headers and body in one piece: two packets cost 40 ms (Nagle and delayed ACK)."""
    body = answer.body if isinstance(answer.body, str | bytes) else json.dumps(answer.body)
    data = body if isinstance(body, bytes) else body.encode("utf-8", "surrogatepass")
    headers = {"Content-Type": "application/json", "Content-Length": str(len(data)), **answer.headers}
    lines = [f"HTTP/1.1 {answer.status} Whatever", *(f"{key}: {value}" for key, value in headers.items())]
    head = "\r\n".join(lines).encode() + b"\r\n\r\n"
    return head + (data[: len(data) // 2] if answer.then in ("cut", "stall") else data)
