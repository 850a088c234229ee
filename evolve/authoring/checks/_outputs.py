"""Checks of the scorer: does it catch candidates that are wrong, each in a way of its own?"""

from __future__ import annotations

from functools import partial

from evolve.authoring.checks._bench import Base, Bench
from evolve.authoring.checks._declaration import last_line
from evolve.authoring.checks._finding import Check, Finding
from evolve.authoring.checks._wrong import Wrong, wrapped, wrong_outputs
from evolve.pipeline import Evaluation

_SHORT_S = 1.0
"""Time limit for candidates that never end."""
_MIB = 2**20
_CAUGHT = ("invalid", "failed", "timeout", "memory", "refused")


async def checks(bench: Bench) -> list[Check]:
    """Return the checks of what programs may return and do, made from a valid seed; none without one."""
    base = await bench.base()
    if base is None:
        return []
    if bench.language != "python":
        texts = _wrong_texts(base.text, bench.problem.spec.candidate.max_chars)
        return [Check("outputs", name, partial(_wrong_text, text=text)) for name, text in texts.items()]
    if base.output is None:
        return []
    outputs = [Check("outputs", way.name, partial(_wrong, way=way)) for way in wrong_outputs(base.output)]
    return [*outputs, *(Check("behaviour", name, ask) for name, ask in _BEHAVIOUR)]


def _wrong_texts(base: str, longest: int) -> dict[str, str]:
    """Return wrong candidates of a language that cannot be wrapped as Python can."""
    return {
        "nothing": "\n",
        "nonsense": "(nan 1e999 [ \u2028 \u00df }\n",
        "a claim of its own score": '{"score": 1e9, "metrics": {"score": 1e9}}\n',
        "the first half": base[: len(base) // 2],
        "all of it twice": f"{base}\n{base}",
        "as long as allowed": ("x " * longest)[:longest],
    }


async def _wrong_text(bench: Bench, *, text: str) -> Finding:
    return judge(bench, await _base(bench), await bench.evaluate(text, first_case=True), strict=False)


async def _wrong(bench: Bench, *, way: Wrong) -> Finding:
    base = await _base(bench)
    program = way.program(base.text, bench.problem.spec.candidate.entry)
    return judge(bench, base, await bench.evaluate(program, first_case=True), strict=way.strict)


def judge(bench: Bench, base: Base, found: Evaluation, *, strict: bool) -> Finding:
    """Say whether a wrong candidate was caught.

    Args:
        bench: Where it was evaluated.
        base: The seed that it was made from.
        found: What became of it.
        strict: Whether it may never be valid; else only when it is worth no more than the seed.
    """
    expected = "invalid or failed" if strict else "invalid, failed, or worth no more than the seed"
    if found.status in _CAUGHT:
        return Finding("ok", expected, f"{found.status}: {last_line(found.feedback)}")
    if found.objective is None:
        advice = "Raise Invalid for it: any other exception counts as a fault of the scorer."
        return Finding("failed", expected, f"the scorer failed: {last_line(found.feedback)}", advice)
    scored = f"valid, {found.objective!r}; the seed has {base.objective!r}"
    if strict:
        advice = (
            "Refuse it in the scorer: check type, shape, and that every number is finite, before all else."
        )
        return Finding("failed", expected, scored, advice)
    if gains(bench, base, found.objective):
        advice = "Is this a better solution? If not, the scorer has to refuse it: the search will find it."
        return Finding("warning", expected, scored, advice)
    return Finding("ok", expected, scored)


def gains(bench: Bench, base: Base, objective: float) -> bool:
    """Tell whether an objective is better than the seed's by more than its noise."""
    return bench.problem.spec.objective.sign * (objective - base.objective) > base.spread


async def _base(bench: Bench) -> Base:
    base = await bench.base()
    assert base is not None, "checks are made only where there is one"
    return base


def _program(base: Base, bench: Bench, *lines: str) -> str:
    return wrapped(base.text, bench.problem.spec.candidate.entry, *lines)


async def _raises(bench: Bench) -> Finding:
    program = _program(await _base(bench), bench, 'raise ValueError("on purpose")')
    return _expect(await bench.evaluate(program, first_case=True), "failed")


async def _exits(bench: Bench) -> Finding:
    program = _program(await _base(bench), bench, "import os", "os._exit(0)")
    return _expect(await bench.evaluate(program, first_case=True), "failed")


async def _never_ends(bench: Bench) -> Finding:
    limit = min(bench.problem.spec.candidate.timeout_s, _SHORT_S)
    program = _program(await _base(bench), bench, "while True: pass")
    return _expect(await bench.evaluate(program, first_case=True, timeout_s=limit), "timeout")


async def _eats_memory(bench: Bench) -> Finding:
    kept = "kept = []"
    program = _program(await _base(bench), bench, kept, f"while True: kept.append(b'x' * {16 * _MIB})")
    return _expect(await bench.evaluate(program, first_case=True), "memory", "failed", "timeout")


async def _returns_too_much(bench: Bench) -> Finding:
    size = int(bench.problem.spec.candidate.output_mb * _MIB) + 1
    program = _program(await _base(bench), bench, f"return b'x' * {size}")
    return _expect(await bench.evaluate(program, first_case=True), "failed", "memory")


async def _nests(bench: Bench) -> Finding:
    lines = ("for _ in range(10_000): output = [output]", "return output")
    program = _program(await _base(bench), bench, *lines)
    return _expect(await bench.evaluate(program, first_case=True), "failed", "invalid")


async def _prints(bench: Bench) -> Finding:
    base = await _base(bench)
    program = _program(base, bench, "print('x' * 10_000_000)", "return output")
    found = await bench.evaluate(program, first_case=True)
    expected = "valid: what is printed changes nothing"
    if found.objective is not None and abs(found.objective - base.objective) <= base.spread:
        return Finding("ok", expected, f"valid, {found.objective!r}")
    return Finding("warning", expected, f"{found.status}, {found.objective!r}", "See `evolve doctor`.")


def _expect(found: Evaluation, *statuses: str) -> Finding:
    expected = " or ".join(statuses)
    got = f"{found.status}: {last_line(found.feedback)}"
    if found.status in statuses:
        return Finding("ok", expected, got)
    return Finding("failed", expected, got, "The sandbox does not hold as it should: see `evolve doctor`.")


_BEHAVIOUR = (
    ("raises", _raises),
    ("ends its process", _exits),
    ("never ends", _never_ends),
    ("takes all memory", _eats_memory),
    ("returns too much", _returns_too_much),
    ("nests its result", _nests),
    ("prints a flood", _prints),
)
