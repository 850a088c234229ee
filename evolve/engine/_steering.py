"""What users asked of a run that changes what it finds: on record before it is used, repeated by every fold.

A request that is obeyed after commit n takes effect once the tickets are prepared that see commit n. So the
order is: commit n, tickets that see it, requests of n, commit n + 1. Whoever repeats the commits in
that order, by a resume, a replay or a fork, repeats the run.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from evolve.engine._state import INJECT, Steer
from evolve.store import REQUEST, Event, Reader, Request, Row

STEERS = ("pin", "unpin", "ban", "unban")
"""Requests that change archives."""
STEERING = (*STEERS, INJECT)
"""Requests that belong to what a run is: a replay and a fork take them over."""


@dataclass(frozen=True, slots=True)
class Injected:
    """A program that a user put in.

    Attributes:
        ticket: Its turn, hence its id.
        text: The program.
        island: Which gets it; None: all.
        note: What the user says of it.
    """

    ticket: int
    text: str
    island: int | None
    note: str


class Steering:
    """The requests on record, by when they took effect."""

    def __init__(self) -> None:
        self._due: dict[int, list[Steer]] = {}
        self.injected: dict[int, Injected] = {}
        """By ticket; all of the record, also of tickets whose turn is yet to come."""

    def load(self, events: Iterable[Event]) -> None:
        """Take in what is on record."""
        for event in events:
            if is_steering(event.data):
                self.add(event.data)

    def add(self, data: dict[str, Any]) -> Steer | None:
        """Take in the data of one event; return what it does to the archives, if anything."""
        arguments = data["arguments"]
        if data["kind"] == INJECT:
            ticket = data["ticket"]
            found = Injected(ticket, arguments["text"], arguments["island"], arguments["note"])
            self.injected[ticket] = found
            return None
        step = Steer(data["kind"], arguments["program"], tuple(data.get("islands", ())))
        self._due.setdefault(data["commits"], []).append(step)
        return step

    @property
    def first_due(self) -> list[int]:
        """The number of commits after which archives were first steered; empty when they never were."""
        return [min(self._due)] if self._due else []

    def due(self, commits: int) -> list[Steer]:
        """Return what took effect after that many commits, in order."""
        return self._due.get(commits, [])


def is_steering(data: dict[str, Any]) -> bool:
    """Tell whether the data of an event are of a request that was obeyed and belongs to what the run is."""
    return data["status"] == "done" and data["kind"] in STEERING


def steering_rows(reader: Reader, until: int | None = None) -> list[Row]:
    """Return the events that a copy of a run has to take over.

    Args:
        reader: Of the run.
        until: For a copy of that many commits; None: of all.
    """
    return [
        {"ticket": event.ticket, "kind": event.kind, "at": event.at, "at_s": event.at_s, "data": event.data}
        for event in reader.events(kind=REQUEST)
        if is_steering(event.data) and (until is None or event.data["commits"] <= until)
    ]


def request_data(request: Request, status: str, answer: str, effect: dict[str, Any]) -> dict[str, Any]:
    """Return the data of the event that says what became of a request.

    The text of a program is kept when it is used, and only then.
    """
    arguments = dict(request.arguments)
    if "text" in arguments and status != "done":
        arguments["text"] = f"{len(arguments['text'])} characters"
    told = {"id": request.id, "kind": request.kind, "arguments": arguments, "asked_at": request.asked_at}
    return {**told, "status": status, "answer": answer, **effect}
