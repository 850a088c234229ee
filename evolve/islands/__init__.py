"""Islands: archives that evolve side by side, each with its own parent selection and operator mix.

An `Archipelago` is made from a preset (`islands/*.toml`), takes evaluated programs, says which programs
to build upon and which operator to use, and lets elites migrate.
"""

from __future__ import annotations

from evolve.islands._archipelago import Archipelago, Insertion, Migration
from evolve.islands._arms import Arm
from evolve.islands._bandit import Bandit, FixedMix, ThompsonBandit, UCB1Bandit, resolve_bandit
from evolve.islands._island import Island
from evolve.islands._preset import IslandSpec, MigrationSpec, Preset, list_presets, load_preset
from evolve.islands._reward import RewardScale
from evolve.islands._selection import Boltzmann, Selection, Tournament, Uniform, resolve_selection

__all__ = [
    "Archipelago",
    "Arm",
    "Bandit",
    "Boltzmann",
    "FixedMix",
    "Insertion",
    "Island",
    "IslandSpec",
    "Migration",
    "MigrationSpec",
    "Preset",
    "RewardScale",
    "Selection",
    "ThompsonBandit",
    "Tournament",
    "UCB1Bandit",
    "Uniform",
    "list_presets",
    "load_preset",
    "resolve_bandit",
    "resolve_selection",
]
