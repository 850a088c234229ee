"""Print what was asked about a program and what came back; all of it untrusted text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from evolve.cli._text import clean, counted, out, plain

_ENDED = {
    "ok": "answered",
    "failed": "failed, and was sent again",
    "no_reply": "failed, and was given up",
    "cancelled": "cancelled by the end of the run",
}


def print_conversation(calls: list[dict[str, Any]], *, prompts: bool, replies: bool) -> None:
    """Print calls, each under a line that says how it went.

    Args:
        calls: Of one program.
        prompts: Print what was sent; one that is the same as that of the call before is named only.
        replies: Print what came back.
    """
    if not calls:
        out.print(plain("no model was asked for this program", "dim"))
    before: list[dict[str, str]] | None = None
    for call in calls:
        out.print()
        out.print(plain(_heading(call), "bold"), soft_wrap=True)
        if prompts:
            if call["messages"] == before:
                out.print(plain("the same prompt as in the call before", "dim"))
            else:
                _print_parts((part["role"], part["content"]) for part in call["messages"])
            before = call["messages"]
        if replies and call["reply"]:
            _print_parts([("reply", call["reply"])])
        if call["error"]:
            out.print(plain(call["error"], "yellow"), soft_wrap=True)


def _heading(call: dict[str, Any]) -> str:
    ended = _ENDED.get(call["status"], "cut off: it has no end on record")
    spent = f"{call['tokens']:,} tokens"
    if call["prompt_tokens"] or call["reply_tokens"]:
        spent = f"{call['prompt_tokens']:,} + {call['reply_tokens']:,} tokens"
    price = f", ${call['usd']:.6f}" if call["usd"] else ""
    took = "" if call["latency_s"] is None else f", {call['latency_s']:.1f} s"
    finish = f" ({call['finish']})" if call["finish"] not in (None, "", "stop") else ""
    return (
        f"call {call['call']}: {call['model']}, {call['purpose']}, question {call['turn'] + 1}, "
        f"attempt {call['attempt'] + 1}: {ended}{finish}; {spent}{price}{took}"
    )


def _print_parts(parts: Iterator[tuple[str, str]] | list[tuple[str, str]]) -> None:
    for name, text in parts:
        out.print(plain(f"--- {name} ({counted(len(text), 'character')}) ---", "cyan"))
        out.out(clean(text).rstrip("\n"), highlight=False)
