"""Errors, typed by who must act.

A candidate program that fails is data, never an exception: it becomes an evaluation with a status.
Everything here is for a person to read; the command line prints the text and no traceback.
"""

from __future__ import annotations

__all__ = [
    "EvolveError",
    "ModelError",
    "ProblemError",
    "RunError",
    "SandboxError",
    "StoreError",
    "UsageError",
]


class EvolveError(Exception):
    """Base of every error that a user can act upon.

    The text says what was expected, what came, where, and what to do next.
    """


class UsageError(EvolveError):
    """A command, an option or a configuration value is wrong: the caller must change it."""


class ProblemError(EvolveError):
    """A problem declaration, its seed or its scorer is wrong: the problem's author must mend it."""


class RunError(EvolveError):
    """A run folder cannot be used: it is missing, busy, or belongs to something else."""


class StoreError(EvolveError):
    """The store cannot be read or written: disk full, locked, or of another schema version."""


class SandboxError(EvolveError):
    """The sandbox itself failed, not the program in it: the evaluation is retried and never scored."""


class ModelError(EvolveError):
    """No model can be used: a key, a name, an endpoint or a price is wrong, or every call fails."""
