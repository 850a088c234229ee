"""A scripted model server that speaks the OpenAI protocol, for tests and load tests without a model.

It changes the numbers of the program that a prompt shows, in the form of answer that the prompt asks for,
so an evolving run makes real progress. It fails in all the ways in which models and their servers
fail, as often as its script says. What it answers depends on the script's seed and the prompt alone.

    with ModelServer(mixed(0.3), latency_s=0.1) as server:
        ...  # point a client at server.url
        assert max(server.paid_prompts.values()) == 1

From the command line: `python -m evolve.testing.model_server --help`.
"""

from __future__ import annotations

from evolve.testing.model_server._draw import prompt_hash
from evolve.testing.model_server._log import Call, Log
from evolve.testing.model_server._real import missing_for_real_model, real_model_server
from evolve.testing.model_server._script import MODES, Canned, Mode, Script, always, first, mixed
from evolve.testing.model_server._server import ModelServer

__all__ = [
    "MODES",
    "Call",
    "Canned",
    "Log",
    "Mode",
    "ModelServer",
    "Script",
    "always",
    "first",
    "missing_for_real_model",
    "mixed",
    "prompt_hash",
    "real_model_server",
]
