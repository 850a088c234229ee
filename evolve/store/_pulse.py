"""What an engine is doing at this moment, for whoever watches: one small file, replaced every second.

It is not part of the record: whatever goes wrong with it is of no consequence to the run.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

PULSE_FILE = "pulse.json"
_MOST_BYTES = 1 << 20

Count = Annotated[int, Field(ge=0)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]


@dataclass(frozen=True, slots=True)
class Doing:
    """A stage of an evaluation that is going on.

    Attributes:
        ticket: Whose.
        stage: Name of the stage.
        since_s: For how many seconds.
    """

    ticket: Count
    stage: str
    since_s: Seconds


@dataclass(frozen=True, slots=True)
class Pulse:
    """A snapshot of a live engine.

    Attributes:
        at: When it was taken; UTC, ISO 8601.
        state: "running", "paused" (what is in flight may still end) or "stopping".
        workers: How many programs may be evaluated at once.
        evaluating: What is being evaluated, the longest first; at most 256 entries.
        asking: Calls to models in flight.
        queued: Tickets that wait: for a worker, or, while the run is paused, for its resumption.
        commits: Tickets committed.
        rate: Evaluations per second of run time in this session.
    """

    at: str
    state: Literal["running", "paused", "stopping"]
    workers: Count
    evaluating: tuple[Doing, ...]
    asking: Count
    queued: Count
    commits: Count
    rate: Seconds


_PULSE = TypeAdapter(Pulse)


def write_pulse(folder: Path, pulse: Pulse) -> None:
    """Replace the file; a reader sees the old one or the new one. Raises OSError."""
    draft = folder / (PULSE_FILE + ".new")
    draft.write_text(json.dumps(asdict(pulse)), encoding="utf-8")
    os.replace(draft, folder / PULSE_FILE)


def read_pulse(folder: Path) -> Pulse | None:
    """Return what the file says; None when there is none, or it is none of ours."""
    path = folder / PULSE_FILE
    try:
        if not path.is_file():  # opening a pipe would wait
            return None
        with path.open("rb") as file:
            return _PULSE.validate_json(file.read(_MOST_BYTES))
    except (OSError, ValidationError, RecursionError):
        return None


def remove_pulse(folder: Path) -> None:
    """Remove what a session has left; raises OSError."""
    for name in (PULSE_FILE, PULSE_FILE + ".new"):
        (folder / name).unlink(missing_ok=True)
