"""Islands: archives that evolve side by side, each with its own parent selection and operator mix.

An `Archipelago` is made from a preset (`islands/*.toml`), takes evaluated programs, says which programs
to build upon and which operator to use, and lets elites migrate.
"""

from __future__ import annotations

from evolve.islands._archipelago import Archipelago, Held, Insertion, Migration
from evolve.islands._archives import resolve_archive
from evolve.islands._arms import Arm
from evolve.islands._bandit import Bandit, FixedMix, ThompsonBandit, UCB1Bandit, resolve_bandit
from evolve.islands._goals import Objectives, Pareto
from evolve.islands._island import Attempt, Island
from evolve.islands._lineage import UCT, Curiosity
from evolve.islands._novelty import Novelty
from evolve.islands._observe import Birth, Goal, Goals, Observing
from evolve.islands._preset import (
    IslandSpec,
    MigrationSpec,
    Preset,
    list_presets,
    load_preset,
    preset_path,
)
from evolve.islands._reward import RewardScale
from evolve.islands._selection import (
    SELECTIONS,
    Boltzmann,
    Rank,
    Selection,
    Tournament,
    Uniform,
    resolve_selection,
)

__all__ = [
    "SELECTIONS",
    "UCT",
    "Archipelago",
    "Arm",
    "Attempt",
    "Bandit",
    "Birth",
    "Boltzmann",
    "Curiosity",
    "FixedMix",
    "Goal",
    "Goals",
    "Held",
    "Insertion",
    "Island",
    "IslandSpec",
    "Migration",
    "MigrationSpec",
    "Novelty",
    "Objectives",
    "Observing",
    "Pareto",
    "Preset",
    "Rank",
    "RewardScale",
    "Selection",
    "ThompsonBandit",
    "Tournament",
    "UCB1Bandit",
    "Uniform",
    "list_presets",
    "load_preset",
    "preset_path",
    "resolve_archive",
    "resolve_bandit",
    "resolve_selection",
]
