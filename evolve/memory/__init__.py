"""A run's memory: lessons distilled from wins and losses, and a library of functions that proved useful."""

from evolve.memory._carried import Carried, KeptBlock
from evolve.memory._file import FILE_NAME, load_memory
from evolve.memory._memory import Memory
from evolve.memory._reflect import reflect

__all__ = ["FILE_NAME", "Carried", "KeptBlock", "Memory", "load_memory", "reflect"]
