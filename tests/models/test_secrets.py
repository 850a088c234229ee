from __future__ import annotations

import pytest

from evolve.models import scrub


def test_values_of_secret_variables_are_struck_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_API_KEY", "canary-1234")
    monkeypatch.setenv("my_db_password", "canary-1234-longer")
    monkeypatch.setenv("SHORT_TOKEN", "true")
    monkeypatch.setenv("HARMLESS", "harmless-value")
    text = "a canary-1234 b canary-1234-longer c true d harmless-value"
    assert scrub(text) == "a *** b *** c true d harmless-value"
    assert scrub("nothing of it") == "nothing of it"


def test_a_key_with_blanks_around_it_is_found_as_it_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "  sk-with-blanks-around  ")
    assert scrub("Bearer sk-with-blanks-around!") == "Bearer ***!"
