from __future__ import annotations

import base64
import html
import json
import re
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


VALUE = 'sk-Ab/+9 ü"&<%longer~'


def encodings(value: str) -> dict[str, str]:
    data = value.encode()
    return {
        "address": quote(value),
        "address, all": quote(value, safe=""),
        "address, lower case": re.sub("%..", lambda match: match[0].lower(), quote(value, safe="")),
        "address, signs": quote(value, safe="").replace("-", "%2D").replace("~", "%7E"),
        "form": quote_plus(value),
        "percent": "".join(f"%{byte:02X}" for byte in data),
        "json": json.dumps(value)[1:-1],
        "json, unicode": json.dumps(value, ensure_ascii=False)[1:-1],
        "json, slashes": json.dumps(value)[1:-1].replace("/", "\\/"),
        "json, all": re.sub("....", r"\\u\g<0>", value.encode("utf-16-be").hex()),
        "html": html.escape(value),
        "hex": data.hex(),
        "hex, upper case": data.hex().upper(),
        "python": "".join(f"\\x{byte:02x}" for byte in data),
        "zero width": "\u200b".join(value),
        "joiners": "\u2060".join(value),
        "tags": "\U000e0041".join(value),
        "controls": "\x08".join(value),
        "delete": "\x7f".join(value),
        "selectors": "\ufe0f".join(value),
        "zero width in hex": "\u200d".join(data.hex()),
    }


@pytest.mark.parametrize("value", [VALUE, "sk-plain-0123456789", "\U0001f511" * 8 + "/key"])
def test_a_value_is_found_however_it_is_encoded(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("TOY_API_KEY", value)
    for name, encoded in encodings(value).items():
        assert scrub(f"it is {encoded}, or is it") == "it is ***, or is it", name


@given(st.binary(max_size=9), st.binary(max_size=9), st.booleans())
@settings(max_examples=60)
def test_a_value_is_found_in_base64_in_the_midst_of_anything(before: bytes, after: bytes, safe: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOY_API_KEY", VALUE)
        encode = base64.urlsafe_b64encode if safe else base64.b64encode
        text = encode(before + VALUE.encode() + after).decode()
        assert "***" in scrub(text)
        left = b"".join(
            base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
            for part in scrub(text).replace("+", "-").replace("/", "_").replace("=", "").split("***")
            if len(part) % 4 != 1
        )
        assert VALUE[:4].encode() not in left or VALUE[:4].encode() in before + after


def test_honest_text_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_API_KEY", VALUE)
    for text in ("a\u200db\U0001f468\u200d\U0001f469", "x\x00y\n\tz", "", VALUE[:-1]):
        assert scrub(text) == text


def test_a_key_that_is_set_later_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert scrub("first-canary-12 second-canary-34") == "first-canary-12 second-canary-34"
    monkeypatch.setenv("TOY_API_KEY", "first-canary-12")
    assert scrub("first-canary-12 second-canary-34") == "*** second-canary-34"
    monkeypatch.setenv("TOY_API_KEY", "second-canary-34")
    assert scrub("first-canary-12 second-canary-34") == "first-canary-12 ***"
