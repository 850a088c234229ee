"""The store: one SQLite file a run, written by the engine alone, read by anyone."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evolve.store._cache import CACHE_FILE, ResultCache
    from evolve.store._conversation import conversation
    from evolve.store._copy import copy_calls, copy_commits
    from evolve.store._find import REPLAYS, find_run, run_folders
    from evolve.store._live import is_live, live_since
    from evolve.store._mailbox import ENDED, REQUESTS_FILE, Mailbox, Unreadable
    from evolve.store._pulse import Doing, Pulse, remove_pulse, write_pulse
    from evolve.store._reader import ArmUse, Brief, Commit, Reader
    from evolve.store._request import REQUEST, Request
    from evolve.store._schema import (
        Event,
        HypothesisRow,
        ModelReply,
        ModelRequest,
        StageResultRow,
    )
    from evolve.store._sqlite import SCHEMA_VERSION
    from evolve.store._viewer import PAGE, Happening, Kin, LedgerRow, Offered, Steered, Viewer
    from evolve.store._writer import Batch, Row, Writer

__all__ = [
    "CACHE_FILE",
    "ENDED",
    "PAGE",
    "REPLAYS",
    "REQUEST",
    "REQUESTS_FILE",
    "SCHEMA_VERSION",
    "ArmUse",
    "Batch",
    "Brief",
    "Commit",
    "Doing",
    "Event",
    "Happening",
    "HypothesisRow",
    "Kin",
    "LedgerRow",
    "Mailbox",
    "ModelReply",
    "ModelRequest",
    "Offered",
    "Pulse",
    "Reader",
    "Request",
    "ResultCache",
    "Row",
    "StageResultRow",
    "Steered",
    "Unreadable",
    "Viewer",
    "Writer",
    "conversation",
    "copy_calls",
    "copy_commits",
    "find_run",
    "is_live",
    "live_since",
    "remove_pulse",
    "run_folders",
    "write_pulse",
]

_HOMES = {
    "CACHE_FILE": "_cache",
    "ENDED": "_mailbox",
    "PAGE": "_viewer",
    "REPLAYS": "_find",
    "REQUEST": "_request",
    "REQUESTS_FILE": "_mailbox",
    "SCHEMA_VERSION": "_sqlite",
    "ArmUse": "_reader",
    "Batch": "_writer",
    "Brief": "_reader",
    "Commit": "_reader",
    "Doing": "_pulse",
    "Event": "_schema",
    "Happening": "_viewer",
    "HypothesisRow": "_schema",
    "Kin": "_viewer",
    "LedgerRow": "_viewer",
    "Mailbox": "_mailbox",
    "ModelReply": "_schema",
    "ModelRequest": "_schema",
    "Offered": "_viewer",
    "Pulse": "_pulse",
    "Reader": "_reader",
    "Request": "_request",
    "ResultCache": "_cache",
    "Row": "_writer",
    "StageResultRow": "_schema",
    "Steered": "_viewer",
    "Unreadable": "_mailbox",
    "Viewer": "_viewer",
    "Writer": "_writer",
    "conversation": "_conversation",
    "copy_calls": "_copy",
    "copy_commits": "_copy",
    "find_run": "_find",
    "is_live": "_live",
    "live_since": "_live",
    "remove_pulse": "_pulse",
    "run_folders": "_find",
    "write_pulse": "_pulse",
}
"""Modules are loaded when something of theirs is wanted: the library that maps tables takes half a second."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'evolve.store' has no attribute {name!r}")
    value = getattr(import_module(f"evolve.store.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
