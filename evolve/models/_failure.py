"""Why a call failed, by who must act."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from evolve.models._secrets import scrub

Kind = Literal["rate_limit", "transient", "refused", "model"]
"""Kind of a failure.

"rate_limit": wait, then ask again. "transient": ask again; the server, the network or chance is at fault.
"refused": this question gets no answer; another one may. "model": this model cannot be used in this run until
the user changes something.
"""

LONGEST_RETRY_AFTER_S = 300.0
_LONGEST_TEXT = 300


class Failure(Exception):  # noqa: N818 - data about one call; errors for people are in evolve.errors
    """A call that got no usable answer.

    Attributes:
        kind: Who must act.
        text: The model and a short cause: one line, without secrets.
        retry_after_s: Seconds that the server asks to wait, or None.
        used: Tokens billed, (prompt, answer); None: nobody knows whether the call was billed.
        advice: What the user can do, one sentence; "": what goes without saying for its kind.
    """

    def __init__(
        self,
        kind: Kind,
        text: str,
        *,
        retry_after_s: float | None = None,
        used: tuple[int, int] | None = (0, 0),
        advice: str = "",
    ) -> None:
        self.kind: Kind = kind
        self.text = one_line(text)
        self.retry_after_s = retry_after_s
        self.used = used
        self.advice = advice
        super().__init__(self.text)


def one_line(text: str) -> str:
    """Scrub `text`, then make one line of it that is short enough to be shown and stored."""
    # Scrubbed before it is cut: the beginning of a key must not stay.
    visible = re.sub(r"[^\x20-\x7e\u00a0-\ud7ff\ue000-\uffff\U00010000-\U0010ffff]+", " ", scrub(text))
    line = " ".join(visible.split())
    return line if len(line) <= _LONGEST_TEXT else line[: _LONGEST_TEXT - 1] + "…"


def retry_after(value: str | None, now: datetime | None = None) -> float | None:
    """Read a Retry-After header: seconds or an HTTP date; None when it says nothing usable.

    Returns:
        Seconds from now on, 0 to 300.
    """
    if not value:
        return None
    seconds = _seconds(value.strip(), now or datetime.now(UTC))
    if seconds is None or not seconds >= 0:  # NaN too
        return None
    return min(seconds, LONGEST_RETRY_AFTER_S)


def _seconds(value: str, now: datetime) -> float | None:
    try:
        return float(value)
    except ValueError:
        pass
    try:
        when = parsedate_to_datetime(value[:100])
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        return max(0.0, (when - now).total_seconds())
    except (ValueError, OverflowError):
        return None
