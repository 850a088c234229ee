"""How a run is shown while it goes on: live panel, plain lines, or JSON lines."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import sys
from collections.abc import Iterator

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.status import Status
from rich.table import Table
from rich.text import Text

from evolve.cli._text import counted, discard, duration, err, number, plain
from evolve.engine import Progress, Source
from evolve.models import Usage

_LIVE_PERIOD_S = 0.25
_PLAIN_PERIOD_S = 5.0
_DIGITS = 12


class PollingDisplay:
    """Polls the engine at a fixed pace, on the engine's own loop, so that a snapshot is consistent."""

    period_s = _PLAIN_PERIOD_S

    def __init__(self, console: Console, *, repeats: int | None = None, headline: Text | None = None) -> None:
        """Show on a console.

        Args:
            console: Where to.
            repeats: Number of recorded commits that are repeated; None: the session makes new ones.
            headline: What is said when the session begins, and not before: until then it may yet be refused.
        """
        self.console = console
        self.headline = headline
        self._status: Status | None = None
        self.calls = "call" if repeats is None else "recorded call"
        self._repeats = repeats
        self._task: asyncio.Task[None] | None = None
        self._source: Source | None = None

    @property
    def began(self) -> bool:
        """Whether the session has begun: from then on there is something to go on with."""
        return self._source is not None

    def started(self, source: Source) -> None:
        """See `evolve.engine.Display`."""
        self._end_status()
        if self.headline is not None:
            self.console.print(self.headline, soft_wrap=True)
        self._source = source
        self._task = asyncio.get_running_loop().create_task(self._poll(source))

    @contextlib.contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Say on a terminal what is waited for, until the session begins or ends."""
        if what and err.is_terminal:
            self._status = err.status(plain(what, "dim"))
            self._status.start()
        try:
            yield
        finally:
            self._end_status()

    def _end_status(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None

    def stopped(self) -> None:
        """See `evolve.engine.Display`."""
        if self._task is not None:
            self._task.cancel()
        if self._source is not None and (last := self._source.progress()).tickets:
            self.show_last(last)

    def message(self, text: str) -> None:
        """See `evolve.engine.Display`."""
        self.console.print(plain(text, "yellow"), soft_wrap=True)

    async def _poll(self, source: Source) -> None:
        while True:
            await asyncio.sleep(self.period_s)
            self.show(source.progress())

    def show(self, progress: Progress) -> None:
        """Show a snapshot."""
        raise NotImplementedError

    def show_last(self, progress: Progress) -> None:
        """Show how it ended."""
        self.show(progress)

    def share(self, progress: Progress) -> float | None:
        """Return how much is done, 0 to 1: of the record when one is repeated, else of the budget."""
        return progress.done if self._repeats is None else progress.tickets / max(1, self._repeats)

    def left(self, progress: Progress) -> str:
        """Say how long it will take; nothing of a repetition, whose budget is long used up."""
        if progress.left_s is None or self._repeats is not None:
            return ""
        return f"{duration(progress.left_s)} to go"


class LiveDisplay(PollingDisplay):
    """A panel that redraws itself in place."""

    period_s = _LIVE_PERIOD_S

    def __init__(
        self, console: Console, metric: str, *, repeats: int | None = None, headline: Text | None = None
    ) -> None:
        super().__init__(console, repeats=repeats, headline=headline)
        self._metric = metric
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def started(self, source: Source) -> None:
        """See `evolve.engine.Display`."""
        super().started(source)
        self._live.start()

    def stopped(self) -> None:
        """See `evolve.engine.Display`."""
        super().stopped()
        self._live.stop()

    def show(self, progress: Progress) -> None:
        """See `PollingDisplay.show`."""
        self._live.update(Group(*self._lines(progress)), refresh=True)

    def _lines(self, p: Progress) -> list[Table | Text]:
        best = Text("best ", style="dim")
        best.append(
            f"{self._metric} = {number(p.best[1], _DIGITS)}" if p.best else "none yet", style="bold green"
        )
        if p.best:
            best.append(f"  (program {p.best[0]}, {counted(p.since_best, 'evaluation')} ago)", style="dim")
        bar = Table.grid(padding=(0, 1))
        share, left = self.share(p), self.left(p)
        bar.add_row(
            ProgressBar(total=1.0, completed=share or 0.0, width=30),
            f"{share:4.0%}" if share is not None else "",
            Text(f"{duration(p.elapsed_s)} gone{', ' if left else ''}{left}", style="dim"),
        )
        lines: list[Table | Text] = [bar, best, Text(_counts(p)), Text(_coverage(p), style="dim")]
        if p.spent is not None:
            lines.insert(3, Text(spending(p.spent, self.calls)))
        return lines


class PlainDisplay(PollingDisplay):
    """One line now and then, for logs and pipes."""

    _seen = -1

    def show_last(self, progress: Progress) -> None:
        """See `PollingDisplay.show_last`; what was said just before is not said again."""
        if progress.tickets != self._seen:
            self.show(progress)

    def show(self, progress: Progress) -> None:
        """See `PollingDisplay.show`."""
        p = progress
        self._seen = p.tickets
        best = (
            f"best {number(p.best[1], _DIGITS)} (program {p.best[0]})" if p.best else "no valid program yet"
        )
        spent = "" if p.spent is None else spending(p.spent, self.calls)
        known = [_counts(p), best, _coverage(p), spent, self.left(p)]
        line = f"{duration(p.elapsed_s)}: {'; '.join(part for part in known if part)}"
        self.console.print(plain(line), soft_wrap=True)


class JsonDisplay(PollingDisplay):
    """One JSON object a line on standard output."""

    def show(self, progress: Progress) -> None:
        """See `PollingDisplay.show`."""
        best = dict(zip(("program", "objective"), progress.best, strict=True)) if progress.best else None
        emit({"event": "progress", **dataclasses.asdict(progress), "best": best})

    def message(self, text: str) -> None:
        """See `evolve.engine.Display`."""
        emit({"event": "message", "text": text})


def emit(data: object) -> None:
    """Write one JSON line to standard output."""
    try:
        sys.stdout.write(json.dumps(data, default=str) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)


def spending(usage: Usage, noun: str = "call") -> str:
    """Say what models were asked and what that cost."""
    failed = f", {usage.failures} failed" if usage.failures else ""
    price = f", ${usage.usd:.4f}" if usage.nano_usd else ""
    latency = f", {usage.mean_latency_s:.1f} s each" if usage.latency_s else ""
    return f"{counted(usage.calls, noun)}{failed}, {usage.tokens:,} tokens{price}{latency}"


def _counts(p: Progress) -> str:
    kinds = ", ".join(f"{count} {status}" for status, count in sorted(p.statuses.items()))
    return f"{counted(p.evaluations, 'evaluation')}, {p.rate:.1f}/s ({kinds or 'none yet'})"


def _coverage(p: Progress) -> str:
    shares = ", ".join(f"{share:.1%}" for share in p.coverage)
    return f"archive coverage {shares}"
