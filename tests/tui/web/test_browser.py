"""The page in a real browser: it shows the app, takes clicks, and speaks to nobody else."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import finished
from tests.tui.web.browser import CHROMIUM, HEIGHT, WIDTH, tab
from tests.tui.web.helpers import PATIENCE_S, serving

__all__ = ["finished"]

pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium is installed: apt-get install chromium, or the like"
)


def test_a_browser_shows_the_app_and_a_click_reaches_it() -> None:
    async def check() -> None:
        async with serving() as place, tab() as page:
            await page.ask("Page.navigate", url=place.server.address)
            await page.until(lambda: "Press here" in page.screen.text and "pid=" in page.screen.text)
            await page.value("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
            before = await page.screenshot()
            assert before.shape[:2] == (HEIGHT, WIDTH)
            assert len(np.unique(before.reshape(-1, before.shape[2]), axis=0)) > 20, "letters have edges"

            await page.click("Press here")
            await page.until(lambda: "was pressed" in page.screen.text)
            left, top, right, bottom = map(int, await page.place("was pressed"))
            label = np.s_[top:bottom, left:right]
            async with asyncio.timeout(PATIENCE_S):
                while np.array_equal((await page.screenshot())[label], before[label]):
                    await page.value("new Promise(requestAnimationFrame)")

            assert await page.value("location.href") == place.origin + "/", "the secret has left the address"
            assert await page.value("document.cookie") == "", "no script can read it"
            assert await page.value("[...document.fonts].some(font => font.status === 'loaded')")
            ours = (place.origin, place.origin.replace("http", "ws"), "data:", "blob:")
            assert [url for url in page.requested if not url.startswith(ours)] == []
            assert len(page.requested) >= 7
            assert page.complaints == []

    asyncio.run(check())


def test_the_page_says_when_the_app_has_ended_and_starts_it_again() -> None:
    async def check() -> None:
        async with serving() as place, tab() as page:
            await page.ask("Page.navigate", url=place.server.address)
            await page.until(lambda: "pid=" in page.screen.text)
            first = page.screen
            for kind in ("keyDown", "keyUp"):
                await page.ask("Input.dispatchKeyEvent", type=kind, text="q", key="q")
            async with asyncio.timeout(PATIENCE_S):
                while not await page.value("document.querySelector('.ended').offsetHeight > 0"):
                    await page.value("new Promise(requestAnimationFrame)")
            await page.value("document.getElementById('again').click()")
            await page.until(lambda: page.screen is not first and "pid=" in page.screen.text)

    asyncio.run(check())


def test_a_run_is_looked_at_in_a_browser(finished: Path) -> None:
    async def check() -> None:
        command = [sys.executable, "-P", "-m", "evolve.tui.web._child", str(finished / "runs" / "done")]
        async with serving(command) as place, tab() as page:
            await page.ask("Page.navigate", url=place.server.address)
            await page.until(lambda: "30 of 30 evaluations" in page.screen.text)
            await page.click("programs")
            await page.until(lambda: "[3 programs]" in page.screen.text)
            assert page.complaints == []

    asyncio.run(check())
