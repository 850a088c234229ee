"""Embeddings of text: alike texts get alike vectors."""

from __future__ import annotations

import math
from collections import Counter
from zlib import crc32

_SIZE = 64
_GRAM = 4


def embed(text: str) -> list[float]:
    """Return a vector of length one: signed counts of the text's runs of four characters, by their hash."""
    vector = [0.0] * _SIZE
    runs = Counter(text[i : i + _GRAM] for i in range(max(1, len(text) - _GRAM + 1)))
    for run, count in runs.items():
        code = crc32(run.encode(errors="surrogatepass"))
        vector[code % _SIZE] += math.sqrt(count) if code & 0x8000 else -math.sqrt(count)
    length = math.hypot(*vector)
    return [value / length for value in vector] if length else [1.0] + [0.0] * (_SIZE - 1)
