"""The store: one SQLite file a run, written by the engine alone, read by anyone."""

from evolve.store._cache import CACHE_FILE, ResultCache
from evolve.store._copy import copy_calls, copy_commits
from evolve.store._reader import ArmUse, Brief, Commit, Reader
from evolve.store._schema import (
    SCHEMA_VERSION,
    Event,
    HypothesisRow,
    ModelReply,
    ModelRequest,
    StageResultRow,
)
from evolve.store._writer import Batch, Row, Writer

__all__ = [
    "CACHE_FILE",
    "SCHEMA_VERSION",
    "ArmUse",
    "Batch",
    "Brief",
    "Commit",
    "Event",
    "HypothesisRow",
    "ModelReply",
    "ModelRequest",
    "Reader",
    "ResultCache",
    "Row",
    "StageResultRow",
    "Writer",
    "copy_calls",
    "copy_commits",
]
