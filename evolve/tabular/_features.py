"""Kinds of features that can be drawn: typed expressions over columns, none of which sees the target."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evolve.tabular._frame import Frame, kind_of
from evolve.tabular._insert import Feature

_HINTED = 0.5
"""How often a pair that a tree suggests is taken, where there is one."""
_DATE_PARTS = ("year", "month", "day", "day_of_week", "day_of_year", "hour")
_QUANTILES = ((0.01, 0.99), (0.05, 0.95), (0.1, 0.9))
_BINS = (3, 5, 10)
_STATISTICS = ("mean", "std", "median", "min", "max")


@dataclass(frozen=True, slots=True)
class Columns:
    """What features can be made of.

    Attributes:
        numbers: Columns of numbers, expressions by name.
        texts: Names of columns of text.
        dates: Names of columns of dates.
        pairs: Pairs of columns that seem to act together, such as those on one path of a tree.
    """

    numbers: Mapping[str, str]
    texts: tuple[str, ...] = ()
    dates: tuple[str, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, frame: Frame, pairs: Sequence[tuple[str, str]] = ()) -> Columns:
        """Return the columns of a table's features."""
        kinds = {name: kind_of(values) for name, values in frame.columns.items()}
        numbers = {
            name: f"X[{name!r}].astype(float)" if kind == "bool" else f"X[{name!r}]"
            for name, kind in kinds.items()
            if kind in ("float", "int", "bool")
        }
        texts = tuple(name for name, kind in kinds.items() if kind == "text")
        return cls(numbers, texts, tuple(n for n, kind in kinds.items() if kind == "date"), tuple(pairs))

    def with_numbers(self, names: Sequence[str]) -> Columns:
        """Add columns that a program makes."""
        more = {name: f"X[{name!r}].astype(float)" for name in names if name not in self.numbers}
        return Columns({**self.numbers, **more}, self.texts, self.dates, self.pairs)


Draw = Callable[[Columns, np.random.Generator], Feature | None]


def _pick(rng: np.random.Generator, items: Sequence[str]) -> str:
    return items[int(rng.integers(len(items)))]


def _two_numbers(columns: Columns, rng: np.random.Generator) -> tuple[str, str] | None:
    hinted = [pair for pair in columns.pairs if all(name in columns.numbers for name in pair)]
    if hinted and rng.random() < _HINTED:
        pair = hinted[int(rng.integers(len(hinted)))]
        return pair if rng.random() < 0.5 else (pair[1], pair[0])
    names = list(columns.numbers)
    if len(names) < 2:
        return None
    a, b = rng.choice(len(names), size=2, replace=False)
    return names[a], names[b]


def _grouped(columns: Columns, rng: np.random.Generator) -> tuple[str, str] | None:
    hinted = [
        (a, b)
        for pair in columns.pairs
        for a, b in (pair, pair[::-1])
        if a in columns.texts and b in columns.numbers
    ]
    if hinted and rng.random() < _HINTED:
        return hinted[int(rng.integers(len(hinted)))]
    if not columns.texts or not columns.numbers:
        return None
    return _pick(rng, columns.texts), _pick(rng, list(columns.numbers))


def arithmetic(columns: Columns, rng: np.random.Generator) -> Feature | None:
    """Draw a sum, difference, product, minimum or maximum of two numbers."""
    pair = _two_numbers(columns, rng)
    if pair is None:
        return None
    a, b = pair
    x, y = columns.numbers[a], columns.numbers[b]
    sign = _pick(rng, ("*", "*", "-", "+", "min", "max"))  # a product is what trees are worst at
    if sign in ("min", "max"):
        return Feature(f"{sign}({a}, {b})", f"np.{sign}imum({x}, {y})")
    return Feature(f"{a} {sign} {b}", f"{x} {sign} {y}")


def ratio(columns: Columns, rng: np.random.Generator) -> Feature | None:
    """Draw a ratio of two numbers, missing where the lower one is 0."""
    pair = _two_numbers(columns, rng)
    if pair is None:
        return None
    a, b = pair
    lower = columns.numbers[b]
    return Feature(f"{a} / {b}", f"{columns.numbers[a]} / ({lower}).where({lower} != 0)")


def shape(columns: Columns, rng: np.random.Generator) -> Feature | None:
    """Draw a logarithm, square, root or absolute value of a number; signs are kept where they matter."""
    if not columns.numbers:
        return None
    name = _pick(rng, list(columns.numbers))
    x = columns.numbers[name]
    kind = _pick(rng, ("log", "square", "sqrt", "abs"))
    expressions = {
        "log": f"np.sign({x}) * np.log1p(np.abs({x}))",
        "square": f"{x} * {x}",
        "sqrt": f"np.sign({x}) * np.sqrt(np.abs({x}))",
        "abs": f"np.abs({x})",
    }
    return Feature(f"{kind}({name})", expressions[kind])


def clip(columns: Columns, rng: np.random.Generator) -> Feature | None:
    """Draw a number cut at two quantiles of the training rows."""
    if not columns.numbers:
        return None
    name = _pick(rng, list(columns.numbers))
    low, high = _QUANTILES[int(rng.integers(len(_QUANTILES)))]
    x, key = columns.numbers[name], f"clip {name} {low} {high}"
    return Feature(
        f"clip({name}, {low}, {high})",
        f"({x}).clip(state[{key!r}][0], state[{key!r}][1])",
        {key: f"({x}).quantile([{low}, {high}]).tolist()"},
    )


def bins(columns: Columns, rng: np.random.Generator) -> Feature | None:
    """Draw the bin of a number, by quantiles of the training rows."""
    if not columns.numbers:
        return None
    name, count = _pick(rng, list(columns.numbers)), _BINS[int(rng.integers(len(_BINS)))]
    x, key = columns.numbers[name], f"bins {name} {count}"
    return Feature(
        f"bin({name}, {count})",
        f"(({x}).to_numpy(dtype=float)[:, None] > np.array(state[{key!r}])[None, :]).sum(axis=1)",
        {key: f"({x}).quantile(np.linspace(0, 1, {count + 1})[1:-1]).tolist()"},
    )


def threshold(columns: Columns, rng: np.random.Generator) -> Feature | None:
    """Draw whether a number lies above a quantile of the training rows."""
    if not columns.numbers:
        return None
    name, level = _pick(rng, list(columns.numbers)), round(float(rng.uniform(0.1, 0.9)), 2)
    x, key = columns.numbers[name], f"quantile {name} {level}"
    return Feature(
        f"{name} > q{level}",
        f"({x} > state[{key!r}]).astype(int)",
        {key: f"float(({x}).quantile({level}))"},
    )


def group_statistic(columns: Columns, rng: np.random.Generator) -> Feature | None:
    """Draw a statistic of a number among training rows of the same text, or the gap to it."""
    found = _grouped(columns, rng)
    if found is None:
        return None
    group, name = found
    statistic = _pick(rng, _STATISTICS)
    x, key = columns.numbers[name], f"{statistic} of {name} by {group}"
    learned = {
        key: f"({x}).groupby(X[{group!r}]).{statistic}().dropna().to_dict()",
    }
    level = f"X[{group!r}].map(state[{key!r}]).astype(float)"
    form = _pick(rng, ("level", "gap", "ratio"))
    if form == "level":
        return Feature(key, level, learned)
    if form == "gap":
        return Feature(f"{name} - {key}", f"{x} - {level}", learned)
    return Feature(f"{name} / {key}", f"{x} / {level}.replace(0, np.nan)", learned)


def count(columns: Columns, rng: np.random.Generator) -> Feature | None:
    """Draw how often a text occurs among the training rows."""
    if not columns.texts:
        return None
    name = _pick(rng, columns.texts)
    key = f"counts of {name}"
    return Feature(
        f"count({name})",
        f"X[{name!r}].map(state[{key!r}]).fillna(0).astype(float)",
        {key: f"X[{name!r}].value_counts().to_dict()"},
    )


def both(columns: Columns, rng: np.random.Generator) -> Feature | None:
    """Draw two texts taken together as one category."""
    if len(columns.texts) < 2:
        return None
    a, b = (columns.texts[i] for i in rng.choice(len(columns.texts), size=2, replace=False))
    return Feature(f"{a} & {b}", f"X[{a!r}].fillna('').astype(str) + ' & ' + X[{b!r}].fillna('').astype(str)")


def date_part(columns: Columns, rng: np.random.Generator) -> Feature | None:
    """Draw a part of a date, whether it is a weekend, or the days between two dates."""
    if not columns.dates:
        return None
    name = _pick(rng, columns.dates)
    others = [other for other in columns.dates if other != name]
    part = _pick(rng, (*_DATE_PARTS, "weekend", *(["days"] if others else [])))
    if part == "weekend":
        return Feature(f"weekend({name})", f"(X[{name!r}].dt.day_of_week >= 5).astype(int)")
    if part == "days":
        other = _pick(rng, others)
        return Feature(f"days({name}, {other})", f"(X[{name!r}] - X[{other!r}]).dt.total_seconds() / 86400.0")
    return Feature(f"{part}({name})", f"X[{name!r}].dt.{part}.astype(float)")


def missing(columns: Columns, rng: np.random.Generator) -> Feature | None:
    """Draw whether a cell is missing, or how many of a row are."""
    names = [*columns.numbers, *columns.texts, *columns.dates]
    if not names:
        return None
    if rng.random() < 0.3:
        return Feature("missing cells", f"X[{names!r}].isna().sum(axis=1)")
    name = _pick(rng, names)
    return Feature(f"missing({name})", f"X[{name!r}].isna().astype(int)")


DRAWS: dict[str, Draw] = {
    "arithmetic": arithmetic,
    "ratio": ratio,
    "shape": shape,
    "clip": clip,
    "bins": bins,
    "threshold": threshold,
    "group_statistic": group_statistic,
    "count": count,
    "both": both,
    "date_part": date_part,
    "missing": missing,
}
"""Draws a feature of each kind; None when the table has no columns for it."""
