"""Operators that edit features of a table without a model: they know the columns, never the target."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evolve.operators import Context, NoProposal, Operator, Proposal
from evolve.tabular._features import DRAWS, Columns
from evolve.tabular._insert import Feature, drop_column, features_of, insert, remove

TRIES = 16
_MOST_AT_ONCE = 3
_FAMILIES = {
    "table_numbers": ("arithmetic", "arithmetic", "ratio"),
    "table_learned": ("shape", "clip", "bins", "threshold", "group_statistic", "count"),
    "table_groups": ("group_statistic", "count", "both"),
    "table_dates": ("date_part", "date_part", "missing"),
}

_SEVERAL = ("arithmetic",) * 3 + tuple(DRAWS)
_WEIGHTS = {
    "table_numbers": 3.0,
    "table_several": 2.0,
    "table_combine": 2.0,
    "table_learned": 0.5,
    "table_drop": 0.5,
    "table_leave_out": 0.5,
}
"""First guess of how often each edit is worth trying, where it is not once. Two columns together say what
neither says alone; a tree finds what one says by itself, however it is scaled or cut."""

Change = tuple[str, str]
"""The new text, and one line that says what was done."""
Edit = Callable[[str, Columns, np.random.Generator], Change | None]
"""Changes a program, given the columns of the table; None when it found nothing to change."""


def add_feature(kinds: tuple[str, ...], most: int = 1) -> Edit:
    """Return an edit that adds up to `most` features of some kinds; they may build on others."""

    def edit(text: str, columns: Columns, rng: np.random.Generator) -> Change | None:
        done = []
        for _ in range(int(rng.integers(1, most + 1))):
            made = [f.name for f in features_of(text) if _is_number(f)]
            draw = DRAWS[kinds[int(rng.integers(len(kinds)))]]
            feature = draw(columns.with_numbers(made), rng)
            if feature is not None and not feature.learns_from.isdisjoint(made):
                feature = draw(columns, rng)  # what fit sees has the table's own columns alone
            changed = None if feature is None else insert(text, feature)
            if feature is not None and changed is not None:
                text = changed
                done.append(feature.name)
        return (text, f"add {', '.join(done)}") if done else None

    return edit


def combine(text: str, columns: Columns, rng: np.random.Generator) -> Change | None:  # noqa: ARG001
    """Calculate with two features that the program makes."""
    made = [feature.name for feature in features_of(text) if _is_number(feature)]
    if len(made) < 2:
        return None
    draw = DRAWS[_FAMILIES["table_numbers"][int(rng.integers(len(_FAMILIES["table_numbers"])))]]
    feature = draw(Columns({}).with_numbers(made), rng)
    changed = None if feature is None else insert(text, feature)
    return None if feature is None or changed is None else (changed, f"add {feature.name}")


def drop_feature(text: str, columns: Columns, rng: np.random.Generator) -> Change | None:  # noqa: ARG001
    """Take a feature out."""
    names = [feature.name for feature in features_of(text)]
    if not names:
        return None
    name = names[int(rng.integers(len(names)))]
    changed = remove(text, name)
    return None if changed is None else (changed, f"drop {name}")


def leave_out(text: str, columns: Columns, rng: np.random.Generator) -> Change | None:
    """Leave a column of the table out of what the learner sees."""
    names = [*columns.numbers, *columns.texts, *columns.dates]
    if len(names) < 2:
        return None
    name = names[int(rng.integers(len(names)))]
    changed = drop_column(text, name)
    return None if changed is None else (changed, f"leave out {name}")


def swap_column(text: str, columns: Columns, rng: np.random.Generator) -> Change | None:
    """Let a feature use another column of the same type in the place of one."""
    features = features_of(text)
    if not features:
        return None
    feature = features[int(rng.integers(len(features)))]
    plain = tuple(name for name, x in columns.numbers.items() if x == f"X[{name!r}]")
    converted = tuple(name for name in columns.numbers if name not in plain)
    for family in (plain, converted, columns.texts, columns.dates):
        used = [
            name for name in family if f"X[{name!r}]" in feature.value + "".join(feature.learned.values())
        ]
        others = [name for name in family if name not in used]
        if used and others:
            old, new = used[int(rng.integers(len(used)))], others[int(rng.integers(len(others)))]
            without = remove(text, feature.name)
            changed = None if without is None else insert(without, _swapped(feature, old, new))
            return None if changed is None else (changed, f"{feature.name}: {new} in place of {old}")
    return None


def table_operators(columns: Columns) -> dict[str, Operator]:
    """Return the operators for a table, by name; families for which it has no columns are left out."""
    applicable = {
        "table_numbers": len(columns.numbers) > 0,
        "table_learned": len(columns.numbers) > 0 or len(columns.texts) > 0,
        "table_groups": len(columns.texts) > 0,
        "table_dates": len(columns.dates) > 0,
    }
    edits: dict[str, Edit] = {
        name: add_feature(kinds) for name, kinds in _FAMILIES.items() if applicable[name]
    }
    edits |= {
        "table_several": add_feature(_SEVERAL, _MOST_AT_ONCE),
        "table_combine": combine,
        "table_drop": drop_feature,
        "table_leave_out": leave_out,
        "table_swap": swap_column,
    }
    found: dict[str, Operator] = {
        name: TableOperator(name, columns, edit, weight=_WEIGHTS.get(name, 1.0))
        for name, edit in edits.items()
    }
    return found | {"table_inherit": Inherit(columns)}


@dataclass(slots=True)
class TableOperator:
    """An operator that makes one edit to a program."""

    name: str
    columns: Columns
    edit: Edit
    parents_wanted: int = 1
    weight: float = 1.0

    async def propose(self, context: Context) -> Proposal:
        """Propose one program.

        Raises:
            NoProposal: nothing applicable in this context.
        """
        parent = context.parents[0]
        for _ in range(TRIES):
            change = self.edit(parent.text, self.columns, context.rng)
            if change is not None and change[0] != parent.text and len(change[0]) <= context.max_chars:
                return Proposal(text=change[0], parents=(parent.id,), change=change[1])
        raise NoProposal(f"{self.name}: found nothing to change in program {parent.id} in {TRIES} tries")


@dataclass(slots=True)
class Inherit:
    """An operator that takes features over from a second parent."""

    columns: Columns
    name: str = "table_inherit"
    parents_wanted: int = 2

    async def propose(self, context: Context) -> Proposal:
        """Propose the first parent with some features of the second; see `TableOperator.propose`."""
        if len(context.parents) < 2:
            raise NoProposal(f"{self.name}: needs 2 parents, got {len(context.parents)}")
        first, second = context.parents[:2]
        text = first.text
        done: list[str] = []
        features = features_of(second.text)
        known = {feature.name for feature in features_of(first.text)}
        made = {feature.name for feature in features} - known
        features = [feature for feature in features if feature.reads.isdisjoint(made)]
        order = context.rng.permutation(len(features)).tolist()
        wanted = int(context.rng.integers(1, _MOST_AT_ONCE + 1))
        for index in order:
            if len(done) < wanted:
                changed = insert(text, features[index])
                if changed is not None and len(changed) <= context.max_chars:
                    text = changed
                    done.append(features[index].name)
        if not done:
            raise NoProposal(f"{self.name}: program {second.id} has no feature that program {first.id} lacks")
        return Proposal(text=text, parents=(first.id, second.id), change=f"inherit {', '.join(done)}")


def _is_number(feature: Feature) -> bool:
    """Tell whether a feature can be calculated with: it makes no text."""
    return "astype(str)" not in feature.value and ".str." not in feature.value


def _swapped(feature: Feature, old: str, new: str) -> Feature:
    whole = re.compile(rf"(?<!\w){re.escape(old)}(?!\w)")

    def label(text: str) -> str:
        return whole.sub(lambda _: new, text)

    keys = {key: label(key) for key in feature.learned}

    def change(expression: str) -> str:
        tree = ast.parse(expression, mode="eval")
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                node.value = new if node.value == old else keys.get(node.value, node.value)
        return ast.unparse(tree)

    learned = {keys[key]: change(expression) for key, expression in feature.learned.items()}
    return Feature(label(feature.name), change(feature.value), learned)
