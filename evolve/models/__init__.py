"""Models: whatever answers a prompt.

`Models` holds all of a run; `Models.for_ticket` gives what an operator asks through. Calls are recorded in a
`Journal`, kept within a `CallBudget`, and configured by `ModelsConfig`. Importing this package imports no
network library: that takes seconds and happens when a run starts that needs it.
"""

from evolve.models._backend import Backend, Embedder, RawReply, RawVectors
from evolve.models._base import Ask, Message, NoReply, Reply, Stopped
from evolve.models._budget import CallBudget, Limit
from evolve.models._calls import Models, Spent, preflight
from evolve.models._failure import Failure
from evolve.models._health import OnEvent
from evolve.models._journal import Ended, Journal, MemoryJournal, Recorded, Sent, Usage, usage_of
from evolve.models._prices import Price, count_tokens, estimate_tokens
from evolve.models._secrets import scrub
from evolve.models._settings import CallSettings, CommandSpec, ModelsConfig, ModelSpec, parse_model_option
from evolve.models._ticket import TicketCalls, Vector

__all__ = [
    "Ask",
    "Backend",
    "CallBudget",
    "CallSettings",
    "CommandSpec",
    "Embedder",
    "Ended",
    "Failure",
    "Journal",
    "Limit",
    "MemoryJournal",
    "Message",
    "ModelSpec",
    "Models",
    "ModelsConfig",
    "NoReply",
    "OnEvent",
    "Price",
    "RawReply",
    "RawVectors",
    "Recorded",
    "Reply",
    "Sent",
    "Spent",
    "Stopped",
    "TicketCalls",
    "Usage",
    "Vector",
    "count_tokens",
    "estimate_tokens",
    "parse_model_option",
    "preflight",
    "scrub",
    "usage_of",
]
