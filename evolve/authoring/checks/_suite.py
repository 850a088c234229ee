"""Ask all questions about a problem."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from evolve.authoring.checks import _declaration, _outputs, _seeds, _tampering
from evolve.authoring.checks._bench import Bench
from evolve.authoring.checks._finding import Check, Finding, Report
from evolve.errors import ProblemError, SandboxError
from evolve.problem import Value, load_problem
from evolve.sandbox import LocalExecutor

Progress = Callable[[int, int, str], None]
"""Told before each check: how many are done, how many there are as far as is known, and what comes."""

DEFAULT_REPEATS = 5
GROUPS = ("declaration", "seeds", "outputs", "behaviour", "tampering")


def _silent(_done: int, _total: int, _name: str) -> None:
    pass


async def check_problem(
    name_or_path: str | Path,
    params: Mapping[str, Value] | None = None,
    *,
    policy: str | None = None,
    repeats: int = DEFAULT_REPEATS,
    groups: Collection[str] = GROUPS,
    progress: Progress = _silent,
) -> Report:
    """Try whether a problem's declaration holds.

    Nothing of the problem's folder is changed. Wrong and hostile candidates are made from the fastest
    valid seed, on the first case.

    Args:
        name_or_path: A shipped problem's name, or a problem's folder.
        params: Overrides of its parameters.
        policy: Sandbox policy; the system's default when omitted.
        repeats: How often each seed is evaluated, at least 2.
        groups: What to check: some of `GROUPS`.
        progress: Is told what is being done.

    Raises:
        UsageError: no such problem or parameter.
        SandboxError: the sandbox cannot be started.
    """
    progress(0, 1, "loading")
    try:
        problem = load_problem(name_or_path, params)
        async with LocalExecutor(problem, workers=1, policy=policy) as executor:
            bench = Bench(problem, executor, policy, max(2, repeats))
            loaded = ("declaration", "loads", Finding("ok", "no mistake", str(problem.folder)))
            return Report(problem.name, (loaded, *await _ask_all(bench, groups, progress)))
    except ProblemError as error:
        finding = Finding("failed", "no mistake", str(error), "Mend it, then check again.")
        return Report(str(name_or_path), (("declaration", "loads", finding),))


async def _ask_all(
    bench: Bench, groups: Collection[str], progress: Progress
) -> list[tuple[str, str, Finding]]:
    """Ask what can be asked before the seeds are known, then what follows from them."""
    first = [*_declaration.checks(bench.problem), *_seeds.checks(bench.problem)]
    first = [check for check in first if check.group in groups]
    found: list[tuple[str, str, Finding]] = []
    await _ask(first, bench, progress, found, total=len(first))
    if all(finding.outcome != "failed" for _, _, finding in found):
        rest = [*await _outputs.checks(bench), *await _tampering.checks(bench)]
        rest = [check for check in rest if check.group in groups]
        await _ask(rest, bench, progress, found, total=len(found) + len(rest))
    else:
        skipped = Finding("skipped", "", "needs a declaration whose seeds are valid")
        found += [(group, "all", skipped) for group in GROUPS[2:] if group in groups]
    return found


async def _ask(
    checks: list[Check],
    bench: Bench,
    progress: Progress,
    found: list[tuple[str, str, Finding]],
    total: int,
) -> None:
    for check in checks:
        progress(len(found), total, f"{check.group}: {check.name}")
        try:
            finding = await check.ask(bench)
        except SandboxError as error:
            finding = Finding("failed", "an answer", str(error), "See `evolve doctor`.")
        found.append((check.group, check.name, finding))
