"""The store: one SQLite file a run, written by the engine alone, read by anyone."""

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
    SCHEMA_VERSION,
    Event,
    HypothesisRow,
    ModelReply,
    ModelRequest,
    StageResultRow,
)
from evolve.store._viewer import PAGE, Kin, LedgerRow, Offered, Steered, Viewer
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
