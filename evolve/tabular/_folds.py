"""What is sent of a fold, and in which order: never an id, never the place of a row in the table.

Honest and cheap at once: each fold is two calls in sandboxes of their own. The first sees the fold's training
rows alone and answers what was learned, as plain data, with the transformed training rows. The second gets
that and the validation rows. So validation rows do not exist in any process that fits, no fold can leave
anything for another, and what a program keeps elsewhere than in its state is lost, as it would be after an
export. A fork of a process that holds pandas costs a few milliseconds; fitting a learner costs a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from evolve.tabular._frame import Frame, Rows
from evolve.tabular._splits import Fold

MOST_PROBES = 64
"""Training rows that are mixed into the second look at the validation rows."""


@dataclass(frozen=True, slots=True, eq=False)
class Errand:
    """The rows of one fold in the orders in which a program sees them; all are rows of the table.

    Attributes:
        fold: The rows as they were split.
        train: The training rows, shuffled.
        validation: The validation rows, shuffled; by these the program is scored.
        again: The same validation rows once more with some training rows between, in another order and in two
            batches of different sizes: a transform that depends on a row and the state alone gives
            the same values.
    """

    fold: Fold
    train: Rows
    validation: Rows
    again: tuple[Rows, Rows]


def errands_of(folds: Sequence[Fold], seed: int) -> list[Errand]:
    """Draw the orders; equal arguments give equal orders."""
    seeds = np.random.SeedSequence(seed).spawn(len(folds))
    return [_errand(fold, np.random.default_rng(s)) for fold, s in zip(folds, seeds, strict=True)]


def _errand(fold: Fold, rng: np.random.Generator) -> Errand:
    train = rng.permutation(fold.train)
    probes = rng.permutation(train)[: min(MOST_PROBES, len(fold.validation))]
    mixed = rng.permutation(np.concatenate((fold.validation, probes)))
    cut = max(1, len(mixed) // 3)
    return Errand(fold, train, rng.permutation(fold.validation), (mixed[:cut], mixed[cut:]))


@dataclass(frozen=True, slots=True, eq=False)
class Parcel:
    """The rows of an errand, ready to be sent: `train` first, `batches` to another process."""

    train: dict[str, Any]
    batches: list[dict[str, Any]]


def parcels_of(frame: Frame, errands: Sequence[Errand]) -> list[Parcel]:
    """Fill the errands with rows, once for all programs that are to be compared."""
    return [
        Parcel(
            frame.take(errand.train).to_plain(),
            [frame.take(rows).to_plain() for rows in (errand.validation, *errand.again)],
        )
        for errand in errands
    ]
