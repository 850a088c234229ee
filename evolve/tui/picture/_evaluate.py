"""Evaluate a program in a process of its own and print its solution as shapes, for the app beside it.

The engine's libraries take a second to load and the evaluation takes what it takes; neither may keep the
screen waiting, and the problem's drawing code stays out of the app's process.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from evolve.errors import EvolveError


def main(run: str, program: str) -> None:
    """Print one JSON object: `shapes`, or `error` with a sentence."""
    from evolve.export import shapes_of

    answer = os.dup(1)
    os.dup2(2, 1)  # what the drawing code prints is not the answer
    found: dict[str, Any]
    try:
        found = {"shapes": asyncio.run(shapes_of(Path(run), int(program)))}
    except EvolveError as error:
        found = {"error": str(error)}
    with os.fdopen(answer, "w", encoding="utf-8") as stream:
        json.dump(found, stream)


if __name__ == "__main__":
    main(*sys.argv[1:3])
