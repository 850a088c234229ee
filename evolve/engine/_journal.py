"""The record of model calls, kept in the run's store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Literal, cast

from evolve.models import Ended, Recorded, Sent, Usage, usage_of
from evolve.store import Batch, ModelReply, ModelRequest, Reader, Row, Writer


class StoreJournal:
    """Writes every request and every end at once, in a transaction of its own; see `evolve.models.Journal`.

    What it finds in the store when it is made is what earlier sessions recorded.
    """

    def __init__(self, writer: Writer, reader: Reader) -> None:
        self._writer = writer
        self._reader = reader
        self._usage: dict[str, Usage] = {}
        self._tickets: set[int] = set()
        self._last = 0
        for request, reply in reader.calls():
            self._tickets.add(request.ticket)
            self._last = request.id
            used = usage_of_rows(request, reply)
            self._usage[request.model] = self._usage.get(request.model, Usage()) + used

    def recorded(self, ticket: int, turn: int) -> Recorded | None:
        """See `Journal.recorded`."""
        if ticket not in self._tickets:
            return None
        for request, reply in reversed(self._reader.calls(ticket=ticket)):
            if request.turn == turn and reply is not None and reply.status in ("ok", "no_reply"):
                ended = _ended(reply, self._reader.payload(reply.text))
                return Recorded(request.question, request.model, ended)
        return None

    def sent(self, call: Sent) -> int:
        """See `Journal.sent`."""
        self._last += 1
        payload, row = _stored(call.request), asdict(call)
        row |= {"id": self._last, "request": payload["hash"]}
        self._writer.write(Batch(payloads=[payload], requests=[row]))
        return self._last

    def ended(self, call: int, ended: Ended) -> None:
        """See `Journal.ended`."""
        payload, row = _stored(ended.text), asdict(ended)
        row |= {"call": call, "text": payload["hash"]}
        self._writer.write(Batch(payloads=[payload], replies=[row]))

    def usage(self) -> Mapping[str, Usage]:
        """See `Journal.usage`: what earlier sessions used."""
        return dict(self._usage)


def usage_of_rows(request: ModelRequest, reply: ModelReply | None) -> Usage:
    """Return what one recorded call counts; without an end, its whole reservation."""
    return usage_of(_sent(request), _ended(reply, "") if reply else None)


def recorded_vectors(reader: Reader) -> Iterator[tuple[int, list[float]]]:
    """Yield (ticket, vector) of every embedding on record."""
    for request, reply in reader.calls():
        if request.purpose == "embed" and reply is not None and reply.status == "ok":
            yield request.ticket, json.loads(reader.payload(reply.text))[0]


def _stored(text: str) -> Row:
    clean = text.encode("utf-8", "replace").decode()  # half a surrogate pair cannot be stored
    return {"hash": hashlib.sha256(clean.encode()).hexdigest(), "text": clean}


def _sent(row: ModelRequest) -> Sent:
    return Sent(
        ticket=row.ticket,
        saw=row.saw,
        turn=row.turn,
        attempt=row.attempt,
        model=row.model,
        purpose=row.purpose,
        request="",
        question=row.question,
        reserved_tokens=row.reserved_tokens,
        reserved_nano_usd=row.reserved_nano_usd,
    )


def _ended(row: ModelReply, text: str) -> Ended:
    return Ended(
        status=cast(Literal["ok", "failed", "no_reply", "cancelled"], row.status),
        text=text,
        finish=row.finish,
        kind=row.kind,
        error=row.error,
        prompt_tokens=row.prompt_tokens,
        reply_tokens=row.reply_tokens,
        tokens=row.tokens,
        nano_usd=row.nano_usd,
        latency_s=row.latency_s,
    )
