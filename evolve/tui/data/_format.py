"""Numbers, durations and bars as text."""

from __future__ import annotations

import math

NONE = "–"
_EIGHTHS = " ▏▎▍▌▋▊▉"


def score(value: float | None, digits: int = 10) -> str:
    """Render a score to so many significant digits, without trailing zeros."""
    if value is None or math.isnan(value):
        return NONE
    return f"{value:.{digits}g}"


def signed(value: float | None, digits: int = 3) -> str:
    """Render a difference with its sign; an exact zero as ±0."""
    if value is None or math.isnan(value):
        return NONE
    return "±0" if value == 0 else f"{value:+.{digits}g}"


def share(part: float, whole: float) -> str:
    """Render part of whole in per cent; a dash where there is no whole."""
    return f"{100 * part / whole:.0f} %" if whole else NONE


def duration(seconds: float | None) -> str:
    """Render seconds as 12 s, 3:05 or 1:02:03."""
    if seconds is None or not math.isfinite(seconds):
        return NONE
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def seconds(value: float) -> str:
    """Render a short time with its unit: 850 µs, 12.3 ms, 4.56 s."""
    if value < 1e-3:
        return f"{1e6 * value:.0f} µs"
    return f"{1e3 * value:.1f} ms" if value < 1 else f"{value:.2f} s"


def usd(value: float) -> str:
    """Render an amount of US dollars; small ones with the digits that they need."""
    return f"${value:.2f}" if value >= 100 or value == 0 else f"${value:.4f}"


def compact(count: float) -> str:
    """Render a count in at most five characters: 950, 12.3k, 4.5M."""
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if count >= limit:
            scaled = count / (1e3 if unit == "k" else limit)
            return f"{scaled:.0f}{unit}" if scaled >= 100 else f"{scaled:.1f}{unit}"
    return f"{count:.0f}"


def counted(count: int, noun: str) -> str:
    """Render a count with its noun: 1 program, 2 programs."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def bar(part: float, width: int) -> str:
    """Draw a share (0 to 1; beyond is clipped) as a bar of so many characters."""
    part = min(1.0, max(0.0, part))
    eighths = round(part * width * 8)
    full, rest = divmod(eighths, 8)
    return ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(width, "·")
