"""What the overview says, as lines of text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from rich.text import Text

from evolve.store import Happening
from evolve.tui.data._chart import Reference, Series, chart, gap_to
from evolve.tui.data._control import asked
from evolve.tui.data._format import (
    NONE,
    bar,
    compact,
    counted,
    duration,
    score,
    share,
    signed,
    usd,
)
from evolve.tui.data._run import ArmRow, RunState, Use, arms, uses
from evolve.tui.data._text import cut, one_line

SCALES = ("close", "all", "gap")
"""How the curve is scaled: to what came after the first steep steps, to all of it, or the gap to the best
reference."""
_STEEP, _LAST_STEPS = 0.1, 4
"""A run's first steps raise the score more than all that follow: they take a tenth of it, or less when there
were fewer than some improvements since."""
_BAR = 12
_STATUS_STYLES = {
    "valid": "green",
    "invalid": "yellow",
    "failed": "red",
    "timeout": "red",
    "memory": "red",
    "error": "bold red",
}
_STATUS_MARKS = {"valid": "✓", "invalid": "✗", "failed": "!", "timeout": "◷", "memory": "▣", "error": "‼"}


def mark_of(status: str) -> str:
    """Return a sign for a status, so that colour alone never tells."""
    return _STATUS_MARKS.get(status, "·")


def style_of(status: str) -> str:
    """Return the colour of a status."""
    return _STATUS_STYLES.get(status, "dim")


def headline(run: RunState, width: int) -> Text:
    """Say in one line what the run is and how it stands; what matters least is cut first."""
    about, best = run.about, run.best
    line = Text(no_wrap=True, end="")
    mark = "▶" if run.running else "■"
    line.append(f" {mark} {one_line(run.state or 'reading', 30)}", "bold green" if run.running else "bold")
    if best is not None:
        line.append(f" │ best {score(best[1])}", "bold")
        if about.reference is not None:
            line.append(f" ({signed(best[1] - about.reference.value)} to reference)")
    done = uses(run)[0]
    limit = f" of {done.limit:,.0f}" if done.limit else ""
    line.append(f" │ {done.used:,.0f}{limit} evaluations")
    if run.running and run.rate:
        line.append(f" │ {run.rate:.1f}/s")
    line.append(f" │ {duration(run.elapsed_s)}")
    left = nearest(uses(run))
    if left is not None:
        line.append(f", {duration(left)} left")
    line.append(f" │ {one_line(about.title, 60)}", "dim")
    line.append(f" │ {one_line(about.name, 60)}", "dim")
    line.truncate(width, overflow="ellipsis")
    return line


def nearest(found: Iterable[Use]) -> float | None:
    """Return the seconds until the nearest limit; None when it cannot be told."""
    return min((use.left_s for use in found if use.left_s is not None), default=None)


def references(run: RunState) -> list[Reference]:
    """Return the problem's reference values as levels of a chart."""
    return [
        Reference(record.value, f"{score(record.value, 9)} {one_line(record.source, 60)}")
        for record in run.about.records
    ]


def best_curve(
    run: RunState, width: int, height: int, *, scale: str = "close", axis: str = "evaluations"
) -> list[Text]:
    """Draw the best objective so far.

    Args:
        run: The run.
        width: In characters.
        height: In characters.
        scale: One of `SCALES`; without a reference, "gap" is "all".
        axis: "evaluations" or "time".
    """
    ledger, about = run.ledger, run.about
    xs = ledger.evaluations.astype(np.float64) if axis == "evaluations" else ledger["at_s"]
    ys = ledger.bests
    name = "evaluations" if axis == "evaluations" else "seconds of run time"
    reference = about.reference
    empty = "no valid program yet" if run.loaded else "reading the run ..."
    if scale == "gap" and reference is not None:
        series = [Series("gap", xs, gap_to(ys, reference.value), "cyan")]
        return chart(series, (), width, height, log=True, x_name=name, empty=empty)
    return chart(
        [Series("best", xs, ys, "cyan")],
        references(run),
        width,
        height,
        focus=_after_the_steep(xs, ys) if scale == "close" else None,
        x_name=name,
        empty=empty,
    )


def _after_the_steep(xs: np.ndarray, ys: np.ndarray) -> float | None:
    """Return from which x on a curve of bests is worth a close look; None: from its beginning."""
    known = np.flatnonzero(np.isfinite(ys))
    rises = known[1:][np.diff(ys[known]) != 0]
    if len(rises) <= _LAST_STEPS:
        return None
    return min(float(xs[-1]) * _STEEP, float(xs[rises[-_LAST_STEPS] - 1]))


def curve_title(run: RunState, scale: str) -> str:
    """Name the curve with its scale."""
    metric, reference = run.about.metric, run.about.reference
    if scale == "gap" and reference is not None:
        return f"gap of the best {metric} to {score(reference.value)} (logarithmic)"
    part = "" if scale != "close" else ", the first steep steps cut off"
    return f"best {metric}{part}; {'higher' if run.about.maximize else 'lower'} is better"


def budget_lines(run: RunState) -> list[Text]:
    """Say what is used of the limits, with the time left."""
    lines = []
    for use in uses(run):
        used = _amount(use.name, use.used)
        line = Text(f"{use.name:<12}", end="")
        if use.limit:
            line.append(bar(use.used / use.limit, _BAR), "cyan")
            line.append(f" {share(use.used, use.limit):>5}  {used} of {_amount(use.name, use.limit)}")
            if use.left_s is not None:
                line.append(f", {duration(use.left_s)} left", "bold")
        else:
            line.append(f"{used}, not limited", "")
        lines.append(line)
    budget = run.about.budget
    for key, words in (
        ("target", "ends at a score of {:g}"),
        ("stagnation", "ends after {:g} without a new best"),
    ):
        if key in budget:
            lines.append(Text(f"{key:<12}{words.format(budget[key])}", end=""))
    rate = run.rate
    lines.append(Text(f"{'rate':<12}{NONE if rate is None else f'{rate:.2f} evaluations/s'}", end=""))
    return lines


def _amount(name: str, value: float) -> str:
    if name == "time":
        return duration(value)
    return usd(value) if name == "dollars" else f"{value:,.0f}"


def status_lines(run: RunState) -> list[Text]:
    """Count the evaluations by status."""
    found = run.ledger.counts("status")
    whole = sum(found.values())
    lines = []
    for status, count in found.items():
        line = Text(f"{mark_of(status)} {one_line(status, 10):<10}", style_of(status), end="")
        line.append(f" {bar(count / whole, _BAR)}", "")
        line.append(f" {count:>7,} {share(count, whole):>5}")
        lines.append(line)
    return lines or [Text("none yet", "dim")]


def island_lines(run: RunState) -> list[Text]:
    """Say how each island stands."""
    lines = [
        Text(
            f"{'island':<7}{'best of its own':>15}{'program':>8}{'elites':>7}{'filled':>8}{'QD':>8}",
            "bold",
            end="",
        )
    ]
    stand = run.archives[-1]["islands"] if run.archives else []
    best = run.ledger.best_row()
    for island, name in enumerate(run.about.islands):
        row = run.ledger.best_row(island)
        found = stand[island] if island < len(stand) else {}
        value = None if row is None else float(run.ledger["objective"][row])
        line = Text(f"{name:<7}{score(value):>15}", end="")
        line.append(f"{NONE if row is None else int(run.ledger['id'][row]):>8}")
        line.append(f"{found.get('elites', NONE):>7}{_percent(found.get('coverage')):>8}")
        line.append(f"{score(found.get('qd_score'), 4):>8}")
        if row is not None and row == best:
            line.append(" ★", "bold yellow")
        lines.append(line)
    return lines


def _percent(value: float | None) -> str:
    return NONE if value is None else f"{100 * value:.1f} %"


def arm_lines(run: RunState, width: int, column: str = "operator", most: int = 12) -> list[Text]:
    """Say what came of every operator, or of every model.

    Gain is in units of the objective, as the archives tell it; what it is divided by is what was paid most
    dearly: dollars, else tokens, else the seconds of evaluation.
    """
    rows = arms(run, column)
    if column == "model":
        rows = [row for row in rows if row.name != "none"]
    if not rows:
        return [Text("none yet", "dim")]
    unit, cost = _cost_of(rows)
    name = max(10, min(40, width - 36))
    heads = f"{'':<{name}}{'share':>6}{'valid':>7}{'kept':>7}{'bests':>6}{'gain' + unit:>10}"
    whole = run.ledger.size
    lines = [Text(heads, "bold", end="")]
    for row in rows[:most]:
        line = Text(f"{one_line(row.name, name - 1):<{name}}{share(row.proposals, whole):>6}", end="")
        line.append(
            f"{share(row.valid, row.proposals):>7}{share(row.kept, row.proposals):>7}{row.improved:>6}"
        )
        paid = cost(row)
        line.append(f"{score(row.gain / paid, 3) if paid else NONE:>10}")
        lines.append(line)
    if len(rows) > most:
        lines.append(Text(f"and {counted(len(rows) - most, 'other')}", "dim", end=""))
    return lines


def _cost_of(rows: Sequence[ArmRow]) -> tuple[str, Any]:
    if any(row.usd for row in rows):
        return "/$", lambda row: row.usd
    if any(row.tokens for row in rows):
        return "/Mtok", lambda row: row.tokens / 1e6
    return "/s", lambda row: row.seconds


def spent_on(run: RunState) -> list[Text]:
    """Say what the models cost, one a line."""
    return [
        Text(f"{one_line(row.name, 23):<24}{compact(row.tokens):>7} tokens {usd(row.usd):>10}", end="")
        for row in arms(run, "model")
        if row.name != "none"
    ]


def event_lines(events: Sequence[Happening], most: int, width: int = 200) -> list[Text]:
    """Say the latest events, the newest first."""
    lines = []
    for event in list(events)[::-1][:most]:
        line = Text(f"{duration(event.at_s):>8}  ", "dim", end="")
        line.append(cut(said(event.kind, event.data, event.ticket), width - 10), _event_style(event.kind))
        lines.append(line)
    return lines or [Text("none yet", "dim")]


def _event_style(kind: str) -> str:
    if kind == "best":
        return "bold green"
    return "red" if kind == "failed" else "yellow" if kind.startswith("model_") else ""


def said(kind: str, data: Mapping[str, Any], ticket: int | None) -> str:
    """Say an event as one line of harmless text."""
    if kind == "best":
        return f"★ new best {score(data.get('objective'))}, program {ticket}"
    if kind in ("started", "resumed"):
        return f"{kind} with {counted(int(data.get('workers', 0)), 'worker')}"
    if kind == "stopped":
        return f"stopped: {one_line(str(data.get('reason', '')), 80)}"
    if kind == "failed":
        return f"failed: {one_line(str(data.get('error', '')), 200)}"
    if kind == "ranges":
        ends = data.get("ranges", {}).items()
        found = ", ".join(f"{one_line(name, 30)} {low:.3g} to {high:.3g}" for name, (low, high) in ends)
        return f"island {data.get('island')}: new ranges: {found}"
    if kind == "reseeded":
        return f"island {data.get('island')} was stuck; it begins anew from island {data.get('from')}"
    if kind == "request":
        about = asked(str(data.get("kind")), data.get("arguments", {}))
        return f"asked to {about}: {one_line(str(data.get('answer', '')), 200)}"
    told = ", ".join(f"{key} {value}" for key, value in data.items() if isinstance(value, str | int | float))
    return one_line(f"{kind.replace('_', ' ')}: {told}" if told else kind.replace("_", " "), 200)
