"""What an importer finds out about a folder of another engine, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LAYOUTS = ("openevolve", "shinka", "gigaevo")
TITLES = {"openevolve": "OpenEvolve", "shinka": "ShinkaEvolve", "gigaevo": "GigaEvo"}

TIMEOUT_S = 300.0
MEMORY_MB = 2048
PROCESSES = 32
SCRATCH_MB = 256.0
"""Limits where the folder names none: an evaluator is larger than a program alone."""


@dataclass(slots=True)
class Draft:
    """A problem in the making.

    Attributes:
        layout: One of `LAYOUTS`.
        evaluator: The evaluator's file, relative to the source folder.
        entry: The function that every program defines.
        seeds: Texts of the seed programs by file name.
        statement: What a proposer is told.
        objective: `[objective]`.
        measures: `[[measures]]`.
        timeout_s: Wall-clock limit of an evaluation, in seconds.
        memory_mb: Its memory, in MiB.
        max_chars: Longest program, in characters.
        options: Options of the evaluator's stage.
        private: Files that programs must not see: settings of the other engine, which may hold keys.
        carried: What became of the folder's settings: (there, here).
        left: What could not be carried over, a sentence each.
    """

    layout: str
    evaluator: str
    entry: str
    seeds: Mapping[str, str]
    statement: str
    objective: dict[str, Any]
    measures: list[dict[str, Any]]
    timeout_s: float = TIMEOUT_S
    memory_mb: int = MEMORY_MB
    max_chars: int = 40_000
    options: dict[str, Any] = field(default_factory=dict)
    private: frozenset[str] = frozenset()
    carried: list[tuple[str, str]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
