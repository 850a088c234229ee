from __future__ import annotations

from datetime import UTC, datetime

import pytest

from evolve.models import Failure
from evolve.models._failure import one_line, retry_after

NOW = datetime(2026, 1, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        (" 0.5 ", 0.5),
        ("0", 0.0),
        ("100000", 300.0),
        ("-3", None),
        ("nan", None),
        ("inf", 300.0),
        ("soon", None),
        ("Thu, 01 Jan 2026 12:00:09 GMT", 9.0),
        ("Thu, 01 Jan 2026 11:00:00 GMT", 0.0),
        ("Thu, 01 Jan 2027 12:00:00 GMT", 300.0),
        ("Thu, 01 Jan 2026 12:00:09 -0000", 9.0),
    ],
)
def test_a_retry_after_header_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_a_text_is_one_short_line_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_API_KEY", "canary-1234")
    text = Failure("transient", "a\n\tb\x1b[31m canary-1234 ünï 🎈").text
    assert text == "a b [31m *** ünï 🎈"
    assert len(one_line("x" * 1000)) == 300


def test_a_secret_is_struck_out_before_the_text_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_API_KEY", "canary-1234")
    assert "canary" not in one_line("x" * 294 + "canary-1234")


@pytest.mark.parametrize(
    "value", ["Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Mon, 01 Jan 2024 00:00:00 +99999999999999"]
)
def test_a_date_beyond_all_calendars_says_nothing(value: str) -> None:
    assert retry_after(value) is None
