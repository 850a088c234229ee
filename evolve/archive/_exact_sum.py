"""A running sum of floats that never rounds."""

from __future__ import annotations

import math

import numpy as np

_UNIT_EXPONENT = 1074  # every finite float64 is a whole number of 2**-1074
_MANTISSA_BITS = 53
_LOW_BITS = 26


class ExactSum:
    """Sum of float64 values, kept as one integer.

    Taking values out again leaves no residue, and the order of the operations does not matter:
    an archive filled by batches, row by row, or replayed after a stop has the same total to the last bit.
    """

    __slots__ = ("_units",)

    def __init__(self) -> None:
        self._units = 0

    def add(self, value: float) -> None:
        """Add a finite value."""
        self._units += _units(value)

    def subtract(self, value: float) -> None:
        """Take a finite value out."""
        self._units -= _units(value)

    def add_all(self, values: np.ndarray) -> None:
        """Add (n,) finite float64 values."""
        self._units += _units_of_all(values)

    def subtract_all(self, values: np.ndarray) -> None:
        """Take (n,) finite float64 values out."""
        self._units -= _units_of_all(values)

    @property
    def value(self) -> float:
        """The sum, correctly rounded; infinite when it exceeds the largest float."""
        try:
            return self._units / (1 << _UNIT_EXPONENT)
        except OverflowError:
            return math.inf if self._units > 0 else -math.inf


def _units(value: float) -> int:
    numerator, denominator = value.as_integer_ratio()  # the denominator is a power of two
    return numerator << (_UNIT_EXPONENT + 1 - denominator.bit_length())


def _units_of_all(values: np.ndarray) -> int:
    """Sum by groups of equal exponent, whose mantissas add up exactly as integers."""
    if not len(values):
        return 0
    fractions, exponents = np.frexp(values)
    order = np.argsort(exponents, kind="stable")
    mantissas = np.ldexp(fractions[order], _MANTISSA_BITS).astype(np.int64)
    groups, starts = np.unique(exponents[order], return_index=True)
    # Halves of a mantissa leave 36 spare bits, so that no int64 sum of an array in memory overflows.
    highs = np.add.reduceat(mantissas >> _LOW_BITS, starts)
    lows = np.add.reduceat(mantissas & ((1 << _LOW_BITS) - 1), starts)
    total = 0
    for exponent, high, low in zip(groups.tolist(), highs.tolist(), lows.tolist(), strict=True):
        shift = exponent - _MANTISSA_BITS + _UNIT_EXPONENT
        mantissa = (high << _LOW_BITS) + low
        # A negative shift means subnormal numbers, whose low mantissa bits are zero.
        total += mantissa << shift if shift >= 0 else mantissa >> -shift
    return total
