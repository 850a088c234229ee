"""The OpenAI protocol: from a request to its answer, by the script."""

from __future__ import annotations

import base64
import json
import struct
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from evolve.testing.model_server import _payloads
from evolve.testing.model_server._draw import draw_mode, generator, prompt_hash
from evolve.testing.model_server._embedding import embed
from evolve.testing.model_server._http import Answer, Request
from evolve.testing.model_server._log import Call, Kind, Log, LogWriter
from evolve.testing.model_server._prompt import Message, Prompt
from evolve.testing.model_server._reply import Said, compose
from evolve.testing.model_server._script import CONTENT, Mode, Script

_BYTES_PER_TOKEN = 4


class _Asked(NamedTuple):
    """What is known of a call before it is answered."""

    kind: Kind
    model: str
    prompt: str
    sighting: int
    mode: Mode
    max_tokens: int | None
    in_flight: int


class Service:
    """Answers requests by a script and keeps the log. For one thread."""

    def __init__(self, script: Script, log: Path) -> None:
        # A server that is started anew goes on with what it has seen.
        self._seen = Counter((call.model, call.prompt) for call in Log.read(log))
        self._script = script
        self._log = LogWriter(log)

    def close(self) -> None:
        """Close the log."""
        self._log.close()

    def answer(self, request: Request, in_flight: int) -> Answer:
        """Return the answer to a request; a call is in the log by then."""
        route = request.path.removeprefix("/v1")
        if (request.method, route) == ("GET", "/models"):
            return _payloads.models(list(dict.fromkeys(["scripted", *self._script.models])))
        ways = {"/chat/completions": self._chat, "/embeddings": self._embed}
        if request.method != "POST" or route not in ways:
            return _payloads.error(404, f"Unknown request: {request.method} {request.path}")
        try:
            return ways[route](json.loads(request.body), request, in_flight)
        except (ValueError, TypeError, LookupError, AttributeError) as problem:
            return _payloads.error(400, f"Malformed request: {problem!r}")

    # -- chat completions ------------------------------------------------------------------------------

    def _chat(self, body: dict[str, Any], request: Request, in_flight: int) -> Answer:
        if body.get("stream"):
            return _payloads.error(400, "This server does not stream.")
        prompt = Prompt([Message(str(m["role"]), _text(m.get("content"))) for m in body["messages"]])
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        asked = self._meet("chat", body, prompt.messages, None if limit is None else int(limit), in_flight)
        prompt_tokens = sum(count_tokens(message.content) for message in prompt.messages)
        answer = self._refuse(asked, request, prompt_tokens)
        if answer is not None:
            return self._record(asked, answer, 0, 0)
        again = asked.sighting if self._script.vary else 0
        rng = generator(self._script.seed, "text", asked.prompt, again)
        said = compose(prompt, self._script, asked.mode, rng)
        said, reply_tokens = cut(said, asked.max_tokens, keep_text=asked.mode == "huge")
        answer = _payloads.completion(asked.model, asked.prompt, said, prompt_tokens, reply_tokens)
        return self._record(asked, self._broken(answer, asked.mode), prompt_tokens, reply_tokens)

    # -- embeddings ------------------------------------------------------------------------------------

    def _embed(self, body: dict[str, Any], request: Request, in_flight: int) -> Answer:
        given = body["input"]
        texts = [given] if isinstance(given, str) else [str(text) for text in given]
        messages = [Message("input", text) for text in texts]
        asked = self._meet("embedding", body, messages, None, in_flight)
        if asked.mode in CONTENT:
            asked = asked._replace(mode="ok")  # they are about what a model says
        tokens = sum(map(count_tokens, texts))
        answer = self._refuse(asked, request, tokens)
        if answer is not None:
            return self._record(asked, answer, 0, 0)
        vectors: list[Any] = [embed(text) for text in texts]
        if body.get("encoding_format") == "base64":
            vectors = [base64.b64encode(struct.pack(f"<{len(v)}f", *v)).decode() for v in vectors]
        answer = _payloads.embeddings(asked.model, vectors, tokens)
        return self._record(asked, self._broken(answer, asked.mode), tokens, 0)

    # -- both ------------------------------------------------------------------------------------------

    def _meet(
        self,
        kind: Kind,
        body: dict[str, Any],
        messages: tuple[Message, ...] | list[Message],
        max_tokens: int | None,
        in_flight: int,
    ) -> _Asked:
        model, prompt = str(body["model"]), prompt_hash(messages)
        sighting = self._seen[model, prompt]
        self._seen[model, prompt] += 1
        mode = draw_mode(self._script, model, prompt, sighting)
        return _Asked(kind, model, prompt, sighting, mode, max_tokens, in_flight)

    def _refuse(self, asked: _Asked, request: Request, tokens: int) -> Answer | None:
        """Return the answer of a mode in which no model gets to work."""
        if asked.mode == "dropped":
            return Answer(0, b"", delivery="none")
        key = request.headers.get("authorization", "")
        answer = _payloads.failure(asked.mode, model=asked.model, key=key, tokens=tokens)
        if answer is not None and asked.mode == "rate_limit":
            return replace(answer, headers={"retry-after": f"{self._script.retry_after_s:g}"})
        return answer

    def _broken(self, answer: Answer, mode: Mode) -> Answer:
        """Break an answer that the model has given."""
        if mode == "dropped_body":
            return replace(answer, delivery="half")
        if mode == "stalled":
            return replace(answer, delivery="stall", stall_s=self._script.stall_s)
        if mode == "truncated_json":
            return replace(answer, body=answer.body[: len(answer.body) // 2])
        return answer

    def _record(self, asked: _Asked, answer: Answer, prompt_tokens: int, reply_tokens: int) -> Answer:
        self._log.append(
            Call(
                time=time.time(),
                **asked._asdict(),
                status=answer.status,
                prompt_tokens=prompt_tokens,
                reply_tokens=reply_tokens,
            )
        )
        return replace(answer, delay_s=self._latency_s(asked.prompt))

    def _latency_s(self, prompt: str) -> float:
        script = self._script
        if not script.latency_spread:
            return script.latency_s
        share = 2.0 * generator(script.seed, "latency", prompt).random() - 1.0
        return script.latency_s * (1.0 + script.latency_spread * share)


def count_tokens(text: str) -> int:
    """Return what the server charges for a text: a token for every four bytes that are begun."""
    return -(-len(text.encode(errors="surrogatepass")) // _BYTES_PER_TOKEN)


def cut(said: Said, max_tokens: int | None, *, keep_text: bool = False) -> tuple[Said, int]:
    """Return what is left of a reply within a number of tokens, and how many tokens it has.

    Args:
        said: The reply.
        max_tokens: What the request allows; None: any number.
        keep_text: Charge what is allowed, but send all of the text.
    """
    tokens = count_tokens(said.content or "")
    if max_tokens is None or tokens <= max_tokens:
        return said, tokens
    if keep_text:
        return said, max_tokens
    kept = (said.content or "").encode()[: max_tokens * _BYTES_PER_TOKEN].decode(errors="ignore")
    return said._replace(content=kept, finish="length"), count_tokens(kept)


def _text(content: Any) -> str:
    """Return the text of a message, which is a text or a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content)
    return str(content or "")
