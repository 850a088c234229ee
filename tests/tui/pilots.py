"""Run the app without a terminal and read its screen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from textual.pilot import Pilot

from evolve.tui._app import Ending, EvolveApp
from evolve.tui._settings import Settings

Driver = Pilot[Ending]
_LOOKS, _LOOK_S = 1_200, 0.05


@contextlib.asynccontextmanager
async def watching(
    folder: Path,
    *keys: str,
    size: tuple[int, int] = (80, 24),
    settings: Settings | None = None,
    runs: Path | None = None,
    ask_to_stop: bool = False,
) -> AsyncIterator[Driver]:
    """Open the app on a run, wait until the run is read, and press keys."""
    app = EvolveApp(
        folder,
        runs or folder.parent,
        settings=settings or Settings(),
        clock=lambda: 0.0,
        ask_to_stop=ask_to_stop,
    )
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: app.run_screen.run.loaded and bool(text(pilot).strip()))
        await press(pilot, *keys)
        yield pilot


async def press(pilot: Driver, *keys: str) -> None:
    """Press keys one by one."""
    for key in keys:
        await pilot.press(key)
    await pilot.pause()


async def until(pilot: Driver, holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    for _ in range(_LOOKS):
        if holds():
            return
        await asyncio.sleep(_LOOK_S)
    raise AssertionError(f"it never came to hold; the screen says:\n{text(pilot)}")


async def until_shown(pilot: Driver, *words: str) -> None:
    """Wait until the screen says something."""
    await until(pilot, lambda: all(word in text(pilot) for word in words))


def text(pilot: Driver) -> str:
    """Return what the screen says, a line a row."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join(strip.text.rstrip() for strip in strips)


def told(pilot: Driver) -> list[str]:
    """Return what the app notified of."""
    return [notification.message for notification in pilot.app._notifications]


def app_of(pilot: Driver) -> EvolveApp:
    """Return the app with its own type."""
    assert isinstance(pilot.app, EvolveApp)
    return pilot.app
