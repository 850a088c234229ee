"""What is said of a model while a run goes on."""

from __future__ import annotations

from typing import Any

import pytest

from evolve.engine._model_news import said_of_model


@pytest.mark.parametrize(
    ("kind", "data", "said"),
    [
        (
            "model_paused",
            {"seconds": 1.0, "failures": 5, "error": "a/b: HTTP 503: busy."},
            "a/b: paused for 1 s after 5 failed calls in a row, the last: HTTP 503: busy",
        ),
        (
            "model_given_up",
            {"failures": 1, "error": "a/b: HTTP 401: no"},
            "a/b: not asked any more after 1 failed call, the last: HTTP 401: no",
        ),
        ("model_recovered", {}, "a/b: answers again"),
        (
            "model_overcharged",
            {"tokens": 12000, "reserved_tokens": 9000},
            "a/b: used 12,000 tokens for a call, more than the 9,000 that it may; all are counted",
        ),
        ("model_moved", {"to": "x"}, "a/b: model moved (to x)"),
    ],
)
def test_every_event_is_a_sentence(kind: str, data: dict[str, Any], said: str) -> None:
    assert said_of_model(kind, {"model": "a/b", **data}) == said
