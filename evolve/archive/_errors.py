"""Errors of archives: the caller passed rows that no archive can hold."""

from __future__ import annotations


class ShapeError(ValueError):
    """An array has the wrong number of dimensions, rows or measures."""


class NonFiniteError(ValueError):
    """A fitness or a measure is NaN or infinite; the text names the first bad row."""
