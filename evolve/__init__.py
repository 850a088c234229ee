"""Evolve: search for better programs by evolution."""

from __future__ import annotations

__version__ = "0.1.0"
