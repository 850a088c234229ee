"""What the engine is doing, and what was asked of it, as lines of text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from evolve.store import Pulse, Request
from evolve.tui.data._format import NONE, counted, seconds
from evolve.tui.data._text import one_line, shown

READ_ONLY = "no engine is at work on this run: read-only. `evolve resume` goes on with it"
_MARKS = {"waiting": ("◷", "yellow"), "done": ("✓", "green"), "refused": ("✗", "red")}
_STATES = {
    "running": ("▶", "bold green"),
    "paused": ("‖", "bold yellow"),
    "stopping": ("■", "bold red"),
}
_DOING_SHOWN = 12


def pulse_lines(pulse: Pulse | None, *, running: bool) -> list[Text]:
    """Say what the engine, its workers and its queue are doing."""
    if pulse is None:
        words = "the engine has not said yet what it does" if running else "no engine is at work"
        return [Text(words, "dim", end="")]
    mark, style = _STATES.get(pulse.state, ("·", ""))
    busy = len(pulse.evaluating)
    lines = [Text(f"{mark} {pulse.state}", style, end="")]
    lines.append(
        Text(
            f"{'workers':<10}{'●' * min(busy, 40)}{'○' * max(0, min(pulse.workers - busy, 40))} "
            f"{busy} of {pulse.workers} busy",
            end="",
        )
    )
    lines.append(Text(f"{'queue':<10}{counted(pulse.queued, 'program')} waiting", end=""))
    lines.append(Text(f"{'models':<10}{counted(pulse.asking, 'call')} in flight", end=""))
    lines.append(Text(f"{'rate':<10}{pulse.rate:.2f} evaluations/s in this session", end=""))
    lines += [
        Text(f"{'':<10}program {one.ticket}: {one_line(one.stage, 24)}, {seconds(one.since_s)}", end="")
        for one in pulse.evaluating[:_DOING_SHOWN]
    ]
    if busy > _DOING_SHOWN:
        lines.append(Text(f"{'':<10}and {busy - _DOING_SHOWN} more", "dim", end=""))
    return lines


def request_row(request: Request) -> Text:
    """Say what was asked and what came of it."""
    mark, style = _MARKS.get(request.status, ("·", ""))
    line = Text(f"{mark} ", style, end="", no_wrap=True)
    line.append(f"{request.id:>4}  ", "dim")
    line.append(f"{asked(request.kind, request.arguments):<34}", "bold")
    line.append(f"  {one_line(request.answer, 200) if request.answer else 'waiting for the engine'}", style)
    return line


def asked(kind: str, arguments: Mapping[str, Any]) -> str:
    """Say a request in a few words."""
    if kind == "workers":
        return f"{arguments.get('count')} workers"
    if kind == "inject":
        island, note = arguments.get("island"), one_line(str(arguments.get("note", "")), 20)
        where = "all islands" if island is None else f"island {island}"
        return f"inject into {where}{f' ({note})' if note else ''}"
    if kind == "export":
        which = arguments.get("program") or "the best"
        return f"export {which} to {one_line(str(arguments.get('target', NONE)), 60)}"
    if "program" in arguments:
        return f"{kind} program {arguments['program']}"
    return shown(kind)
