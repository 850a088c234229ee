"""Checks that no program decides its own score: attacks carried out by a program that else is a seed."""

from __future__ import annotations

from functools import partial

from evolve.authoring.checks._bench import Base, Bench
from evolve.authoring.checks._declaration import last_line
from evolve.authoring.checks._finding import Check, Finding
from evolve.authoring.checks._outputs import gains
from evolve.authoring.checks._wrong import wrapped

_GROUP = "tampering"
_CHOSEN = (
    "forge_and_exit",
    "forge_and_return",
    "forge_at_exit",
    "forge_from_thread",
    "forge_from_fork",
    "forge_many_frames",
    "forge_error",
    "lying_list",
    "lying_array",
    "lying_keys",
    "patch_numpy",
    "patch_builtins",
    "patch_callers",
    "hunt_objects",
    "import_hook",
    "poison_modules",
)
"""The attacks of `evolve.testing.hostile` that aim at scores and depend on no bait."""

_FOUND = "the check found:"
_EXPECTED = "not valid, or the seed's own score"
_TRUST = "The sandbox does not hold as it should: see `evolve doctor`."


async def checks(bench: Bench) -> list[Check]:
    """Return the checks of attacks on the score; none without a valid seed.

    Where they would show nothing, one check says so: silence would look like success.
    """
    if await bench.base() is None:
        return []
    if bench.problem.trust == "shared":
        return [Check(_GROUP, "Write a score of its own", _trusted)]
    if bench.language != "python":
        return [Check(_GROUP, "all", _untried)]
    from evolve.testing.hostile import ATTACKS  # a few milliseconds that only this command needs

    attacks = {attack.name: attack for attack in ATTACKS}
    found = [
        Check(_GROUP, attacks[name].intent.rstrip("."), partial(_attacked, program=attacks[name].program))
        for name in _CHOSEN
    ]
    return [
        *found,
        Check(_GROUP, "Read the scorer", _reads_scorer),
        Check(_GROUP, "Open the scorer for writing", _writes_scorer),
        Check(_GROUP, "Leave something for the next program", _leaves_something),
    ]


async def _trusted(bench: Bench) -> Finding:  # noqa: ARG001 - a matter of the declaration alone
    found = "it can: the evaluator executes the program, and both share a process"
    advice = "Look at the best programs before you believe them, or let a scorer judge what they return."
    return Finding("warning", "it cannot", found, advice)


async def _untried(bench: Bench) -> Finding:  # noqa: ARG001 - see above
    return Finding("skipped", "", "not tried: the attacks are programs in Python")


async def _attacked(bench: Bench, *, program: str) -> Finding:
    """Attack first, then answer honestly; afterwards an honest program has to score what it did."""
    base = await _base(bench)
    lines = (
        "_space = {}",
        f"exec({program!r}, _space)",
        '_space["attack"]()',
        "return _check_honest(**arguments)",
    )
    found = await bench.evaluate(
        wrapped(base.text, bench.problem.spec.candidate.entry, *lines), first_case=True
    )
    after = await bench.evaluate(base.text, first_case=True)
    if after.objective is None or abs(after.objective - base.objective) > base.spread:
        text = f"afterwards an honest program is {after.status}, {after.objective!r}, not {base.objective!r}"
        return Finding("failed", _EXPECTED, text, _TRUST)
    if found.status == "error":
        text = f"the scorer failed: {last_line(found.feedback)}"
        return Finding("failed", _EXPECTED, text, "Raise Invalid for whatever is not as it should be.")
    if found.objective is None:
        return Finding("ok", _EXPECTED, f"{found.status}: {last_line(found.feedback)}")
    text = f"valid, {found.objective!r}; the seed has {base.objective!r}"
    if gains(bench, base, found.objective):
        return Finding("failed", _EXPECTED, text, _TRUST)
    return Finding("ok", _EXPECTED, text)


async def _reads_scorer(bench: Bench) -> Finding:
    expected = "the file is not there"
    if not await _opens(bench, "rb"):
        return Finding("ok", expected, "not there")
    advice = (
        "Programs can read what it knows, such as targets. Use --sandbox strict, and a folder of your own."
    )
    return Finding("warning", expected, "it can be read", advice)


async def _writes_scorer(bench: Bench) -> Finding:
    expected = "refused"
    if not await _opens(bench, "r+b"):
        return Finding("ok", expected, "refused")
    advice = "Use --sandbox strict: without it, only run programs that you trust."
    return Finding("warning", expected, "it can be changed", advice)


async def _opens(bench: Bench, mode: str) -> bool:
    """Tell whether a program can open the scorer's file; nothing is written."""
    lines = (
        "try:",
        f"    open({str(bench.problem.scorer)!r}, {mode!r}).close()",
        f"    print({_FOUND!r})",
        "except OSError:",
        "    pass",
        "return _check_honest(**arguments)",
    )
    return await _says(bench, *lines)


async def _leaves_something(bench: Bench) -> Finding:
    """Mark a module, the interpreter and the temporary folder; look for the marks from another program."""
    places = (
        "import builtins, math, os, tempfile",
        "path = os.path.join(tempfile.gettempdir(), 'evolve_check_mark')",
    )
    honest = "return _check_honest(**arguments)"
    leave = (*places, "builtins.check_mark = math.check_mark = 1", "open(path, 'w').close()", honest)
    marks = "hasattr(builtins, 'check_mark') or hasattr(math, 'check_mark') or os.path.exists(path)"
    look = (*places, f"if {marks}: print({_FOUND!r})", honest)
    await _says(bench, *leave)
    expected = "nothing is left"
    if await _says(bench, *look):
        return Finding("failed", expected, "the next program found it", _TRUST)
    return Finding("ok", expected, "nothing")


async def _says(bench: Bench, *lines: str) -> bool:
    base = await _base(bench)
    found = await bench.evaluate(
        wrapped(base.text, bench.problem.spec.candidate.entry, *lines), first_case=True
    )
    return any(_FOUND in stage.printed for stage in found.stages.values())


async def _base(bench: Bench) -> Base:
    base = await bench.base()
    assert base is not None, "checks are made only where there is one"
    return base
