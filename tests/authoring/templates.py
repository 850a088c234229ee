"""Which templates can be tried here."""

from __future__ import annotations

import shutil
from typing import Any

import pytest

from evolve.authoring import TEMPLATES
from evolve.problem import Candidate

_KNOWS_LANGUAGES = "language" in Candidate.model_fields
_HAS_COMPILER = shutil.which("cc", path="/usr/local/bin:/usr/bin:/bin") is not None


def loadable() -> list[Any]:
    """Return the names of the templates; those that need what is not here are skipped."""
    skipped = {
        "text": (not _KNOWS_LANGUAGES, "needs candidate.language"),
        "command": (not (_KNOWS_LANGUAGES and _HAS_COMPILER), "needs candidate.language and a C compiler"),
    }
    return [
        pytest.param(name, marks=pytest.mark.skipif(skipped[name][0], reason=skipped[name][1]))
        if name in skipped
        else name
        for name in TEMPLATES
    ]
