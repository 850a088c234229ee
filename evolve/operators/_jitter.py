"""Change one or a few numbers, on three scales that a bandit can choose between."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evolve.operators._base import Context
from evolve.operators._numbers import (
    COARSE,
    FINE,
    MIDDLE,
    Literal,
    Number,
    Scale,
    free_numbers,
    is_seed_name,
    literals,
    redraw,
    write_number,
)
from evolve.operators._program import BuiltinOperator, Change, Program
from evolve.operators._random import chance, weighted
from evolve.operators._source import Edit


@dataclass(frozen=True, slots=True)
class Default:
    """A numeric default that a call in the entry could override: as good as a literal there."""

    node: ast.Call
    value: Number
    label: str
    owner: str


Place = Literal | Default


def jitter_operators() -> list[BuiltinOperator]:
    """Return one operator for each scale."""
    return [
        BuiltinOperator("jitter_fine", lambda program, context: jitter(program, context, FINE)),
        BuiltinOperator("jitter", lambda program, context: jitter(program, context, MIDDLE)),
        BuiltinOperator("jitter_coarse", lambda program, context: jitter(program, context, COARSE)),
    ]


def jitter(program: Program, context: Context, scale: Scale) -> Change | None:
    """Draw new values for one to four numbers."""
    rng = context.rng
    places = _places_in_entry(program) if chance(rng, 0.5) else _places_outside(program, rng)
    places = places or _places_in_entry(program) or _editable(program, [*literals([*program.active])])
    if scale.floats_first:
        places = [place for place in places if isinstance(place.value, float)] or places
    if not places:
        return None
    edits, notes = [], []
    for place in _draw_places(rng, places):
        edit, note = _change(program, rng, place, scale)
        edits.append(edit)
        notes.append(note)
    return Change.of(program, edits, "; ".join(notes))


def _places_in_entry(program: Program) -> list[Place]:
    # What the entry says is what composes the program; there a call can give a default of its own.
    places: list[Place] = [*literals([program.entry]), *entry_defaults(program)]
    return _editable(program, places)


def _editable(program: Program, places: list[Place]) -> list[Place]:
    return [place for place in places if program.source.may_edit(place.node)]


def _places_outside(program: Program, rng: np.random.Generator) -> list[Place]:
    """List the numbers of one other definition, drawn by length; those of constants go together."""
    nodes = [node for node in program.active if program.source.touches(node)]
    plain: list[ast.stmt] = [node for node in nodes if isinstance(node, ast.Assign | ast.AnnAssign)]
    groups: list[tuple[float, list[ast.stmt]]] = [(_length(plain), plain)]
    groups += [(_length([node]), [node]) for node in nodes if node not in plain]
    return _editable(program, [*literals(weighted(rng, groups))])


def _length(nodes: Sequence[ast.stmt]) -> float:
    return float(sum((node.end_lineno or 0) - node.lineno + 1 for node in nodes))


def entry_defaults(program: Program) -> list[Default]:
    """List the numeric defaults of the program's own functions that calls in the entry leave alone."""
    found = []
    for node in ast.walk(program.entry):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            function = program.definitions.get(node.func.id)
            if isinstance(function, ast.FunctionDef) and function is not program.entry:
                free = free_numbers(function, node)
                found += [Default(node, value, name, program.entry.name) for name, value in free]
    return found


def _draw_places(rng: np.random.Generator, places: list[Place]) -> list[Place]:
    """Draw mostly one place, seldom up to four; of one call at most one default.

    Seeds come more often: they have so many values that are all worth a try.
    """
    count = min(len(places), weighted(rng, [(0.7, 1), (0.18, 2), (0.08, 3), (0.04, 4)]))
    weights = [(3.0 if is_seed_name(place.label) else 1.0, place) for place in places]
    drawn = [weighted(rng, weights) for _ in range(count)]
    return list({id(place.node): place for place in drawn}.values())


def _change(program: Program, rng: np.random.Generator, place: Place, scale: Scale) -> tuple[Edit, str]:
    new = write_number(redraw(rng, place.label, place.value, scale))
    if isinstance(place, Default):
        edit = program.source.add_argument(place.node, f"{place.label}={new}")
        called = program.source.segment(place.node.func)
        return edit, f"{place.owner}: {called}({place.label}={new}), was {write_number(place.value)}"
    old = program.source.segment(place.node)
    where = f"{place.owner}: {place.label}" if place.label else f"{place.owner}, line {place.node.lineno}:"
    return program.source.replace(place.node, new), f"{where} {old} -> {new}"
