"""Who is let in: asked for every address and every trick."""

from __future__ import annotations

import asyncio
import logging
import re

import aiohttp
import pytest

from tests.tui.web.helpers import Place, serving

ADDRESSES = (
    "/", "/ws", "/static/js/textual.js", "/static/css/xterm.css", "/page/page.js", "/page/index.html",
    "/download/abc", "/nothing", "/static/",
)  # fmt: skip

ELSEWHERE = re.compile(r"(?:src|href|url)\W{1,3}(?:[a-z]+:)?//[^\"')]+")


async def _status(place: Place, path: str, **headers: str) -> int:
    async with place.client.get(place.origin + path, headers=headers, allow_redirects=False) as response:
        return response.status


@pytest.mark.parametrize("path", ADDRESSES)
def test_nothing_is_served_without_the_secret(path: str) -> None:
    async def check() -> None:
        async with serving() as place:
            wrong = place.secret[:-1] + ("a" if place.secret[-1] != "a" else "b")
            cookie = place.server._guard._cookie
            for query in ("", "?token=", f"?token={wrong}", "?token=%ED%A0%80"):
                async with place.client.get(place.origin + path + query) as response:
                    assert response.status == 403
                    assert "Set-Cookie" not in response.headers
                    assert "evolve watch --web" in await response.text()
            assert await _status(place, path, Cookie=f"{cookie}={wrong}") == 403
            assert await _status(place, path, Cookie=f"other={place.secret}") == 403

    asyncio.run(check())


def test_the_secret_becomes_a_cookie_that_opens_the_rest() -> None:
    async def check() -> None:
        async with serving() as place:
            async with place.client.get(place.server.address) as response:
                cookie = response.headers["Set-Cookie"]
                assert "HttpOnly" in cookie
                assert "SameSite=Strict" in cookie
                page = await response.text()
            assert place.secret not in page
            assert "&lt;a run&gt;" in page
            assert await _status(place, "/") == 200
            assert await _status(place, "/static/js/textual.js") == 200
            assert await _status(place, "/page/page.js") == 200
            assert await _status(place, "/download/abc") == 404
            assert await _status(place, "/static/") == 403, "folders are not listed"
            assert await _status(place, "/static/../server.py") in (403, 404)

    asyncio.run(check())


def test_only_the_page_takes_the_secret_from_its_query() -> None:
    async def check() -> None:
        async with serving() as place:
            assert await _status(place, f"/page/page.js?token={place.secret}") == 403
            assert await _status(place, f"/ws?token={place.secret}", Origin=place.origin) == 403

    asyncio.run(check())


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil.example",
        "[::1]",
        "0.0.0.0",
    ],
)
def test_another_host_name_is_refused_even_with_the_secret(host: str) -> None:
    async def check() -> None:
        async with serving() as place:
            await place.enter()
            assert await _status(place, "/", Host=host) == 403
            assert await _status(place, f"/?token={place.secret}", Host=host) == 403

    asyncio.run(check())


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "127.0.0.1:9000"])
def test_a_forwarded_port_is_served(host: str) -> None:
    async def check() -> None:
        async with serving() as place:
            await place.enter()
            cookie = f"{place.server._guard._cookie}={place.secret}"
            assert await _status(place, "/", Host=host, Cookie=cookie) == 200

    asyncio.run(check())


@pytest.mark.parametrize(
    "origin", [None, "null", "http://evil.example", "http://127.0.0.1:1", "https://{host}"]
)
def test_a_websocket_is_only_for_the_page_itself(origin: str | None) -> None:
    async def check() -> None:
        async with serving() as place:
            await place.enter()
            host = place.origin.partition("//")[2]
            with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
                await place.client.ws_connect(
                    f"{place.origin}/ws", origin=None if origin is None else origin.format(host=host)
                )
            assert refused.value.status == 403
            assert not place.server._sessions

    asyncio.run(check())


def test_no_answer_may_lead_the_browser_elsewhere() -> None:
    async def check() -> None:
        async with serving() as place:
            await place.enter()
            for path in ("/", "/static/js/textual.js", "/nothing", "/download/abc"):
                async with place.client.get(place.origin + path) as response:
                    policy = response.headers["Content-Security-Policy"]
                    assert "default-src 'none'" in policy
                    sources = re.findall(r"[a-z]+://[^ ;]+", policy)
                    assert sources == [place.origin.replace("http", "ws")]
                    assert response.headers["Referrer-Policy"] == "no-referrer"
                    assert response.headers["X-Content-Type-Options"] == "nosniff"
            for path in ("/", "/page/page.css", "/page/page.js", "/static/css/xterm.css"):
                async with place.client.get(place.origin + path) as response:
                    found = re.findall(
                        r"(?:src|href|url)\W{1,3}(?:[a-z]+:)?//[^\"')]+", await response.text()
                    )
                    assert found == [], path

    asyncio.run(check())


def test_the_secret_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    async def check() -> str:
        async with serving() as place:
            await place.enter()
            await _status(place, f"/nothing?token={place.secret}")
            return place.secret

    caplog.set_level(logging.DEBUG)
    secret = asyncio.run(check())
    assert secret not in caplog.text
