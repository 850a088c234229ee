"""Where the app asks the store: in threads of its own, so that no query stops the screen."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from evolve.store import Mailbox, Viewer, is_live
from evolve.tui.data._run import Feed, News

T = TypeVar("T")


class Counter:
    """One thread with a read-only connection of its own.

    Args:
        folder: Of the run.
        name: Of the thread.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        self._viewer: Viewer | None = None

    async def ask(self, question: Callable[[Viewer], T]) -> T:
        """Return what a question to the store answers.

        Raises:
            EvolveError: the store cannot be read.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._answer, question)

    def _answer(self, question: Callable[[Viewer], T]) -> T:
        if self._viewer is None:
            self._viewer = Viewer(self._folder)
        return question(self._viewer)

    def close(self) -> None:
        """Give up what waits and close the connection when what runs is done."""

        def finish() -> None:
            if self._viewer is not None:
                self._viewer.__exit__()

        self._thread.submit(finish)
        self._thread.shutdown(wait=False)


class Desk:
    """Asks one run: news by the poll, everything else on demand; neither waits for the other.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._news = Counter(folder, "news")
        self._asked = Counter(folder, "asked")
        self._feed: Feed | None = None

    async def news(self) -> News:
        """Return a page of what is new.

        Raises:
            EvolveError: the store cannot be read.
        """
        return await self._news.ask(self._poll)

    def _poll(self, viewer: Viewer) -> News:
        if self._feed is None:
            self._feed = Feed(viewer, Mailbox(self.folder), lambda: is_live(self.folder))
        return self._feed.poll()

    async def ask(self, question: Callable[[Viewer], T]) -> T:
        """Return what a question to the store answers.

        Raises:
            EvolveError: the store cannot be read, or there is no such thing.
        """
        return await self._asked.ask(question)

    async def warm(self) -> None:
        """Load what pages of programs need, before the first one is opened.

        Raises:
            EvolveError: the store cannot be read.
        """
        await self._asked.ask(lambda viewer: viewer.reader)

    def close(self) -> None:
        """Close the connections."""
        self._news.close()
        self._asked.close()
