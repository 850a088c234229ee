"""Fuzz the codec's decoder, guided by coverage, for a bounded time (needs atheris: pip install atheris).

Any exception but a short CodecError, a value that does not come back equal when it is encoded again, a
hang, or memory beyond the limit ends it, with the input that did it in a file of the current folder.
`python benchmarks/fuzz_codec.py -max_total_time=60`; further options are libFuzzer's.
"""

from __future__ import annotations

import random
import struct
import sys
from typing import Any

import atheris
import numpy as np

with atheris.instrument_imports():
    from evolve.sandbox import _codec

VALUES: tuple[Any, ...] = (
    *(None, True, -1, 2**64, -(2**8191), 0.5, "text", b"bytes"),
    *([1, None], (0.5, "x"), {"key": {}, 7: ()}, [[[]]]),
    *(np.zeros((2,) * (code % 4), name) for code, name in enumerate(_codec.DTYPES)),
)
"""One of every kind, and some that lie near a limit."""
LONGEST_REFUSAL = 500
ONE_IN = 16
"""How seldom an input begins anew from an encoding, instead of from what the fuzzer has found."""


def encodings() -> list[bytes]:
    """Encode the values, and a table, which the encoder makes of data frames only."""
    table = b"D" + struct.pack("<I", 2)
    for name, column in (("x", [1, None]), ("y", np.zeros(2))):
        table += b"".join(_codec.encode(part).removeprefix(_codec.MAGIC) for part in (name, column))
    return [*map(_codec.encode, VALUES), _codec.MAGIC + table]


def encodable(value: Any) -> Any:
    """Put columns in the place of tables."""
    if isinstance(value, _codec.Table):
        return value.columns
    if isinstance(value, dict):
        return {key: encodable(item) for key, item in value.items()}
    return type(value)(map(encodable, value)) if isinstance(value, list | tuple) else value


def one_input(data: bytes) -> None:
    """Decode; what decodes must encode, and decode to what encodes to the same bytes again."""
    for candidate in (data, _codec.MAGIC + data):
        try:
            value = _codec.decode(candidate)
        except _codec.CodecError as error:
            if len(str(error)) > LONGEST_REFUSAL:
                raise AssertionError("a refusal quotes too much of what was sent") from error
            continue
        again = _codec.encode(encodable(value))
        if _codec.encode(_codec.decode(again)) != again:
            raise AssertionError(f"does not come back equal: {value!r}")


def main() -> None:
    """Fuzz until the time is up or a fault is found; libFuzzer ends the process."""
    known = encodings()

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        """Vary an input; chance alone takes long to come upon a whole table."""
        generator = random.Random(seed)
        start = generator.choice(known) if generator.randrange(ONE_IN) == 0 else data
        varied: bytes = atheris.Mutate(start[:max_size], max_size)
        return varied

    options = sys.argv[1:] or ["-max_total_time=60"]
    limits = ["-rss_limit_mb=1024", "-timeout=5", "-max_len=65536"]
    atheris.Setup([sys.argv[0], *limits, *options], one_input, custom_mutator=mutate)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
