"""Everything that the store knows of one program, and how its page says it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.cells import chop_cells
from rich.text import Text

from evolve.store import Viewer
from evolve.tui.data._about import About
from evolve.tui.data._format import NONE, bar, counted, duration, score, seconds, signed, usd
from evolve.tui.data._overview import mark_of, style_of
from evolve.tui.data._text import laid_out, one_line, plain, shown

if TYPE_CHECKING:
    from evolve.store import Commit, StageResultRow

_ANSWERS = ("rejected", "improved its cell", "took a new cell")
_MOST_COLOURED = 200_000
"""Characters of a source that are highlighted; a longer one is shown without colours."""
_MOST_COMPARED = 3_000
"""Lines of each side of a diff: comparing takes longer than in proportion to them."""
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_ENDED = {
    "ok": "answered",
    "failed": "failed, and was sent again",
    "no_reply": "failed, and was given up",
    "cancelled": "cancelled by the end of the run",
}


@dataclass(frozen=True, slots=True)
class Relative:
    """A program that another one can be compared with.

    Attributes:
        id: The program.
        role: What it is to the other one.
        objective: Its score, or None.
        text: Its source.
    """

    id: int
    role: str
    objective: float | None
    text: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """What the store knows of a program.

    Attributes:
        commit: Its rows.
        text: Its source.
        relatives: What it can be compared with: parents, the best, the first seed.
        children: Ids of the programs made from it, the earliest ones.
        stages: Results of its evaluation.
        answers: (island, status, gain) of the archives.
        calls: What models were asked for it and what came back.
    """

    commit: Commit
    text: str
    relatives: tuple[Relative, ...]
    children: tuple[int, ...]
    stages: tuple[StageResultRow, ...]
    answers: tuple[tuple[int, int, float], ...]
    calls: tuple[dict[str, Any], ...]

    @property
    def id(self) -> int:
        """The program."""
        return self.commit.program.id

    @property
    def objective(self) -> float | None:
        """Its score, or None."""
        return self.commit.evaluation.objective


def dossier(viewer: Viewer, program: int, best: int | None) -> Dossier:
    """Read all about a program.

    Args:
        viewer: The store.
        program: Its id.
        best: The best program of the run; None when there is none yet.

    Raises:
        UsageError: there is no such program.
    """
    from evolve.store import conversation  # with the library that maps tables, when a page is opened

    commit = viewer.reader.commit(program)
    others = [
        (parent, "main parent" if not i else f"parent {i + 1}") for i, parent in enumerate(commit.parents)
    ]
    if best is not None:
        others.append((best, "the best"))
    others.append((1, "the first seed"))
    relatives: dict[int, Relative] = {}
    for other, role in others:
        if other != program and other not in relatives:
            found = viewer.reader.commit(other)
            relatives[other] = Relative(other, role, found.evaluation.objective, viewer.reader.text(other))
    answers = viewer.reader.archive_events(program=program)
    return Dossier(
        commit,
        viewer.reader.text(program),
        tuple(relatives.values()),
        tuple(viewer.children(program)),
        tuple(viewer.reader.stage_results(program)),
        tuple((answer.island, answer.status, answer.gain) for answer in answers),
        tuple(conversation(viewer.reader, program)),
    )


# -- what the page says --------------------------------------------------------------------------------


def heading(found: Dossier, about: About) -> list[Text]:
    """Say in three lines what a program is."""
    row, evaluation = found.commit.program, found.commit.evaluation
    first = Text(f"program {row.id}  ", "bold", end="")
    first.append(f"{mark_of(evaluation.status)} {shown(evaluation.status)}", style_of(evaluation.status))
    if found.objective is not None:
        first.append(f"  {about.metric} {score(found.objective, 17)}", "bold")
    if found.relatives and found.commit.parents and found.objective is not None:
        before = found.relatives[0].objective
        if before is not None:
            first.append(f"  ({signed(found.objective - before)} vs parent {found.relatives[0].id})")
    made = ", ".join(f"{parent}" for parent in found.commit.parents)
    where = "all islands (a seed)" if row.island is None else f"island {row.island}"
    second = Text(f"{shown(row.arm)} for {where}", end="")
    second.append(f", made from {made}" if made else "")
    second.append(f", at {duration(row.at_s)}")
    if found.children:
        more = " or more" if len(found.children) >= 200 else ""
        second.append(f", {counted(len(found.children), 'child').replace('childs', 'children')}{more}")
    if row.usd or row.tokens:
        second.append(f", {row.tokens:,} tokens, {usd(row.usd)}")
    return [first, second, plain(one_line(row.change, 400), "italic")]


def source_lines(text: str, language: str, *, dark: bool = True) -> list[Text]:
    """Return a source with line numbers, highlighted as far as its size allows."""
    rows = laid_out(text)
    if sum(map(len, rows)) > _MOST_COLOURED or language == "text":
        coloured = [Text(row) for row in rows]
    else:
        from rich.syntax import Syntax  # 0.1 s, and only a program's page needs it

        syntax = Syntax("", language, theme="ansi_dark" if dark else "ansi_light", background_color="default")
        coloured = list(syntax.highlight("\n".join(rows)).split("\n", allow_blank=True))
        coloured = coloured[: len(rows)]
    width = len(str(len(coloured)))
    return [
        Text.assemble((f"{number:>{width}} ", "dim"), line, end="") for number, line in enumerate(coloured, 1)
    ]


def diff_lines(found: Dossier, other: Relative) -> list[Text]:
    """Show what changed from another program to this one."""
    if other.text == found.text:
        return [Text("the same text", "dim")]
    before = laid_out(other.text, lines=_MOST_COMPARED)
    after = laid_out(found.text, lines=_MOST_COMPARED)
    lines = difflib.unified_diff(
        before, after, f"program {other.id}", f"program {found.id}", lineterm="", n=4
    )
    return [Text(line, _DIFF_STYLES.get(line[:1], ""), end="") for line in lines] or [
        Text("only the ends of lines differ", "dim")
    ]


def result_lines(found: Dossier, about: About) -> list[Text]:
    """Say what the evaluation found: metrics, the archives' answers, feedback."""
    evaluation = found.commit.evaluation
    lines = [Text("metrics", "bold underline")]
    width = max((len(name) for name in evaluation.metrics), default=0)
    parent = found.relatives[0] if found.commit.parents and found.relatives else None
    for name, value in sorted(evaluation.metrics.items()):
        mark = "★" if name == about.metric else " "
        lines.append(
            Text(f"{mark} {shown(name):<{width}}  {score(value, 17)}", "bold" if mark == "★" else "", end="")
        )
    if not evaluation.metrics:
        lines.append(Text("  none: it did not get that far", "dim"))
    for name, values in sorted(evaluation.cases.items()):
        lines.append(plain(f"  {name} by case: {', '.join(score(value, 6) for value in values)}"))
    if evaluation.duplicate_of is not None:
        lines.append(
            Text(f"  the same code as program {evaluation.duplicate_of}, so it was not evaluated again")
        )
    lines += [Text(""), Text("archives", "bold underline")]
    lines += [
        Text(f"  island {island}: {_ANSWERS[status]}, gain {score(gain, 6)}", end="")
        for island, status, gain in found.answers
    ] or [Text("  none was asked", "dim")]
    if parent is not None and parent.objective is not None and found.objective is not None:
        lines += [
            Text(""),
            Text(
                f"  {signed(found.objective - parent.objective, 6)} against its main parent, "
                f"program {parent.id}",
                end="",
            ),
        ]
    lines += [Text(""), Text("feedback", "bold underline")]
    lines += [Text(f"  {line}", end="") for line in laid_out(evaluation.feedback or "none")]
    return lines


def stage_lines(found: Dossier) -> list[Text]:
    """Say how the stages of the evaluation went, how long each took, and what the program printed."""
    if not found.stages:
        return [Text("nothing was evaluated for this program", "dim")]
    whole = max((stage.wall_s for stage in found.stages), default=0.0) or 1.0
    lines = [
        Text(f"{'stage':<14}{'status':<11}{'wall':>10}{'cpu':>10}  share of the longest", "bold", end="")
    ]
    for stage in found.stages:
        line = Text(f"{one_line(stage.stage, 13):<14}", end="")
        status = f"{mark_of('valid' if stage.status == 'ok' else stage.status)} {shown(stage.status)}"
        line.append(f"{status:<11}", "green" if stage.status == "ok" else style_of(stage.status))
        line.append(f"{seconds(stage.wall_s):>10}{seconds(stage.cpu_s) if stage.cpu_s else NONE:>10}  ")
        line.append(bar(stage.wall_s / whole, 20), "cyan")
        line.append(" computed in an earlier run" if stage.recalled else "", "dim")
        lines.append(line)
    layers = {layer for stage in found.stages for layer in stage.layers.split()}
    lines += [
        Text(""),
        plain(f"sandbox layers in force: {', '.join(sorted(layers)) or 'none: nothing was run'}"),
    ]
    for stage in found.stages:
        if stage.feedback and stage.status != "ok":
            lines += [Text(""), plain(f"{stage.stage} says:", "bold")]
            lines += [Text(f"  {line}", end="") for line in laid_out(stage.feedback)]
        if stage.printed:
            lines += [Text(""), plain(f"printed during {stage.stage}:", "bold")]
            lines += [Text(f"  {line}", end="") for line in laid_out(stage.printed)]
    if not any(stage.printed for stage in found.stages):
        lines += [Text(""), Text("the program printed nothing", "dim")]
    return lines


def call_lines(calls: Sequence[Mapping[str, Any]], *, prompts: bool) -> list[Text]:
    """Show what was sent to models for a program, or what came back.

    Args:
        calls: As `conversation` returns them.
        prompts: What was sent; else what came back.
    """
    if not calls:
        return [Text("no model was asked for this program: an operator of the engine made it", "dim")]
    lines: list[Text] = []
    for call in calls:
        lines += [plain(_call_heading(call), "bold underline")]
        parts = [(part["role"], part["content"]) for part in call["messages"]] if prompts else []
        if not prompts:
            parts = [("reply", call["reply"])] if call["reply"] else []
        for role, content in parts:
            lines += [Text(""), plain(f"── {role} ({counted(len(content), 'character')})", "cyan")]
            lines += [Text(line, end="") for line in laid_out(content)]
        if call["error"]:
            lines += [Text(""), *(Text(line, "yellow", end="") for line in laid_out(call["error"]))]
        lines.append(Text(""))
    return lines


def _call_heading(call: Mapping[str, Any]) -> str:
    ended = _ENDED.get(call["status"], "cut off: it has no end on record")
    price = f", {usd(call['usd'])}" if call["usd"] else ""
    took = "" if call["latency_s"] is None else f", {call['latency_s']:.1f} s"
    tokens = f"{call['prompt_tokens'] or 0:,} + {call['reply_tokens'] or 0:,} tokens"
    question = f"question {call['turn'] + 1}, attempt {call['attempt'] + 1}"
    return f"{call['model']}, {call['purpose']}, {question}: {ended}; {tokens}{price}{took}"


def folded(lines: Sequence[Text], width: int) -> list[Text]:
    """Break lines at a width, between words where that is near; what follows is indented by an arrow."""
    if width < 8:
        return list(lines)
    out: list[Text] = []
    for line in lines:
        rest = line
        first = True
        while True:
            room = width if first else width - 2
            head, tail = _split(rest, room)
            out.append(head if first else Text.assemble(("↪ ", "dim"), head, end=""))
            if tail is None:
                break
            rest, first = tail, False
    return out


def _split(line: Text, room: int) -> tuple[Text, Text | None]:
    if line.cell_len <= room:
        return line, None
    at = len(chop_cells(line.plain, room)[0])
    space = line.plain.rfind(" ", 0, at) + 1
    if space > 0.6 * at:
        at = space
    head, tail = line.divide([at])
    return head, tail
