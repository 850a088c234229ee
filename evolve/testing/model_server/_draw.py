"""Draws that depend on what they are drawn for and on nothing else."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from hashlib import blake2b

from evolve.testing.model_server._script import CONTENT, TRANSPORT, Mode, Script


def prompt_hash(messages: Iterable[tuple[str, str]]) -> str:
    """Return the name under which the log knows a conversation.

    Args:
        messages: Role and text of each message, in order.
    """
    digest = blake2b(digest_size=16)
    for role, content in messages:
        digest.update(f"{role}\0{len(content)}\0{content}\0".encode(errors="surrogatepass"))
    return digest.hexdigest()


def generator(*parts: object) -> random.Random:
    """Return a generator seeded by the parts."""
    text = "\0".join(str(part) for part in parts)
    return random.Random(int.from_bytes(blake2b(text.encode(), digest_size=16).digest(), "little"))


def draw_mode(script: Script, model: str, prompt: str, sighting: int) -> Mode:
    """Return how a request is answered.

    Args:
        script: Holds the seed and the shares.
        model: Name of the model that is asked.
        prompt: The conversation's hash.
        sighting: How often this prompt was seen before.
    """
    if sighting < len(script.first):
        return script.first[sighting]
    shares = script.models.get(model, script.shares)
    on_the_way = _draw(shares, TRANSPORT, 1.0, generator(script.seed, "way", prompt, sighting).random())
    if on_the_way is not None:
        return on_the_way
    # Of the requests that pass, so that each share is one of all requests.
    left = 1.0 - sum(shares.get(mode, 0.0) for mode in TRANSPORT)
    again = sighting if script.vary else 0
    return _draw(shares, CONTENT, left, generator(script.seed, "model", prompt, again).random()) or "ok"


def _draw(shares: Mapping[Mode, float], modes: Iterable[Mode], total: float, at: float) -> Mode | None:
    edge = 0.0
    for mode in modes:
        edge += shares.get(mode, 0.0)
        if at * total < edge:
            return mode
    return None
