"""The process that serves the real model: prints its URL, ends when standard input does."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from evolve.testing.model_server._real import ENGINE, WEIGHTS

_HOST = "127.0.0.1"
_CONTEXT_TOKENS = 8192
"""As many as the model was trained with."""


def _weights() -> Path:
    # Found, not imported: the package imports more than is installed.
    spec = find_spec(WEIGHTS)
    assert spec is not None
    assert spec.origin is not None
    return next(Path(spec.origin).parent.glob("*.gguf"))


def main() -> None:
    """Serve."""
    engine = import_module(ENGINE)
    parameters = engine.CommonParams()
    parameters.model.path = str(_weights())
    parameters.hostnames = [_HOST]
    parameters.n_ctx = _CONTEXT_TOKENS
    parameters.n_parallel = 1
    parameters.offline = True
    parameters.ui = False
    parameters.warmup = False
    parameters.verbosity = 0
    # Two threads wait for each other by spinning: thirty times slower where both cores have other work.
    for threads in (parameters.cpuparams, parameters.cpuparams_batch):
        threads.n_threads = 1
        threads.poll = 0
    server = engine.Server(parameters)  # lives in threads of its own
    sys.stdout.write(f"{server.listening_address}/v1\n")
    sys.stdout.flush()
    sys.stdin.read()
    os._exit(0)  # the server's own end takes seconds


if __name__ == "__main__":
    main()
