"""How a program came to be: its line of main parents, what gave parts, what it led to; and as a story."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.text import Text

from evolve.store import Kin, Viewer
from evolve.tui.data._about import About
from evolve.tui.data._format import counted, score, signed
from evolve.tui.data._overview import mark_of, style_of
from evolve.tui.data._text import one_line, shown

MOST_STEPS = 5_000
_CHILDREN = 200


@dataclass(frozen=True, slots=True)
class Step:
    """One program on the line from a seed.

    Attributes:
        kin: The program.
        gain: Difference to the score of the step before; None where one of both has none.
        record: It is better than everything before it on the line.
        others: Further parents, which gave parts.
    """

    kin: Kin
    gain: float | None
    record: bool
    others: tuple[Kin, ...]


@dataclass(frozen=True, slots=True)
class Lineage:
    """A program's ancestry and what was made from it.

    Attributes:
        steps: From the seed to the program.
        children: Programs that were made from it, the earliest ones.
    """

    steps: tuple[Step, ...]
    children: tuple[Kin, ...]

    @property
    def program(self) -> int:
        """Whose lineage it is."""
        return self.steps[-1].kin.id


@dataclass(frozen=True, slots=True)
class Branch:
    """A row of the tree.

    Attributes:
        program: The program on it; 0 for a heading.
        text: What it says.
    """

    program: int
    text: Text


def lineage(viewer: Viewer, program: int, about: About) -> Lineage:
    """Read the lineage of a program.

    Raises:
        UsageError: there is no such program.
    """
    line = viewer.ancestors(program, MOST_STEPS)[::-1]
    if not line:
        viewer.reader.commit(program)  # says which programs there are
    wanted = {parent for kin in line for parent in kin.parents[1:]}
    others = {kin.id: kin for kin in viewer.kin(sorted(wanted))}
    steps = []
    before: float | None = None
    highest: float | None = None
    for kin in line:
        value = kin.objective
        gain = None if value is None or before is None else value - before
        record = value is not None and (highest is None or about.better(value, highest))
        highest = value if record else highest
        steps.append(Step(kin, gain, record, tuple(others[p] for p in kin.parents[1:] if p in others)))
        before = value
    return Lineage(tuple(steps), tuple(viewer.kin(viewer.children(program, _CHILDREN))))


def tree(found: Lineage, about: About) -> list[Branch]:
    """Draw a lineage from the seed down to the program, parts it took as branches, its children below."""
    rows = []
    for step in found.steps:
        rows += [
            Branch(kin.id, Text.assemble(("│  ├◂ ", "dim"), "takes a part of ", _named(kin), end=""))
            for kin in step.others
        ]
        rows.append(Branch(step.kin.id, _step_row(step, last=step is found.steps[-1], about=about)))
    own = found.steps[-1].kin.objective
    for place, kin in enumerate(found.children):
        joint = "└" if place == len(found.children) - 1 else "├"
        text = Text.assemble((f"   {joint}▸ ", "dim"), _named(kin), end="")
        gain = None if kin.objective is None or own is None else kin.objective - own
        if gain is not None:
            text.append(f"  {signed(gain)}", _gain_style(gain, about))
        text.append(f"  {shown(kin.operator)}: {one_line(kin.change, 200)}", "")
        rows.append(Branch(kin.id, text))
    if len(found.children) == _CHILDREN:
        rows.append(Branch(0, Text("   … only the first children are shown", "dim")))
    return rows


def _step_row(step: Step, *, last: bool, about: About) -> Text:
    knot = "◉" if last else "★" if step.record and step.kin.parents else "●"
    text = Text.assemble((f"{knot} ", "bold" if last or step.record else ""), _named(step.kin), end="")
    if step.gain is not None:
        text.append(f"  {_arrow(step.gain, about)} {signed(step.gain)}", _gain_style(step.gain, about))
    text.append(f"  {shown(step.kin.operator)}", "cyan")
    text.append(f": {one_line(step.kin.change, 300)}")
    return text


def _named(kin: Kin) -> Text:
    value = (
        score(kin.objective, 12)
        if kin.objective is not None
        else f"{mark_of(kin.status)} {shown(kin.status)}"
    )
    text = Text(f"{kin.id:>6}  ", "bold", end="")
    text.append(f"{value:<16}", "" if kin.objective is not None else style_of(kin.status))
    return text


def _arrow(gain: float, about: About) -> str:
    if gain == 0:
        return "="
    return "▲" if (gain > 0) == about.maximize else "▼"


def _gain_style(gain: float, about: About) -> str:
    if gain == 0:
        return "dim"
    return "green" if (gain > 0) == about.maximize else "red"


def story(found: Lineage, about: About) -> list[Branch]:
    """Tell the line from the seed as sentences: every new height, the other steps in passing."""
    first = found.steps[0]
    rows = [
        _sentence(
            first.kin.id,
            f"It begins with program {first.kin.id} ({one_line(first.kin.change, 120)}), "
            f"which scores {score(first.kin.objective, 12)}.",
        )
    ]
    aside: list[Step] = []
    height = first.kin.objective
    for step in found.steps[1:]:
        if not step.record:
            aside.append(step)
            continue
        rows += _in_passing(aside)
        aside = []
        rows.append(_sentence(step.kin.id, _told(step, height)))
        height = step.kin.objective
    rows += _in_passing(aside)
    rows.append(_sentence(found.program, _summary(found, about)))
    return rows


def _told(step: Step, before: float | None) -> str:
    kin = step.kin
    by = signed(kin.objective - before) if kin.objective is not None and before is not None else ""
    parts = f", with a part of {_listed(step.others)}" if step.others else ""
    return (
        f"★ {by} to {score(kin.objective, 12)}: program {kin.id}, by {shown(kin.operator)}{parts}: "
        f"{one_line(kin.change, 300)}"
    )


def _listed(others: Sequence[Kin]) -> str:
    return "program " + ", ".join(str(kin.id) for kin in others)


def _in_passing(aside: Sequence[Step]) -> list[Branch]:
    if not aside:
        return []
    count = counted(len(aside), "step")
    names = ", ".join(f"{step.kin.id} ({shown(step.kin.operator)})" for step in aside[:6])
    more = " ..." if len(aside) > 6 else ""
    return [_sentence(aside[-1].kin.id, f"  then {count} without a new height: {names}{more}", "dim")]


def _summary(found: Lineage, about: About) -> str:
    steps, heights = len(found.steps) - 1, sum(step.record for step in found.steps[1:])
    first, last = found.steps[0].kin.objective, found.steps[-1].kin.objective
    if first is None or last is None:
        return f"So program {found.program} came to be in {counted(steps, 'step')}."
    text = f"So {counted(steps, 'step')}, {heights} of them new heights, "
    text += f"led from {score(first, 12)} to {score(last, 12)}"
    reference = about.reference
    if reference is not None:
        text += f"; the best reference is {score(reference.value, 12)} ({signed(last - reference.value)})"
    return text + "."


def _sentence(program: int, text: str, style: str = "") -> Branch:
    return Branch(program, Text(text, style, end=""))
