"""The store: one SQLite file a run, written by the engine alone, read by anyone."""

from evolve.store._reader import Commit, Reader
from evolve.store._schema import SCHEMA_VERSION
from evolve.store._writer import Batch, Row, Writer

__all__ = ["SCHEMA_VERSION", "Batch", "Commit", "Reader", "Row", "Writer"]
