"""What one check found, and what all of them together say."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from evolve.authoring.checks._bench import Bench

Outcome = Literal["ok", "warning", "failed", "skipped"]
Verdict = Literal["ready", "ready with warnings", "not ready"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        outcome: "ok"; "warning" (it works, but look at it); "failed" (a run would mislead or not work);
            "skipped" (it does not apply, or something that it needs failed).
        expected: What should have come.
        found: What came.
        advice: What to do; empty when all is well.
    """

    outcome: Outcome
    expected: str
    found: str
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """One question about a problem.

    Attributes:
        group: What it is about: "declaration", "seeds", "outputs", "behaviour" or "tampering".
        name: What is asked, unique within its group.
        ask: Finds the answer; independent of other checks but for what the bench has measured of the seeds.
    """

    group: str
    name: str
    ask: Callable[[Bench], Awaitable[Finding]]


@dataclass(frozen=True, slots=True)
class Report:
    """All findings about a problem.

    Attributes:
        problem: Its name, or its path when it could not be loaded.
        findings: (group, name, finding) in the order of the checks.
    """

    problem: str
    findings: tuple[tuple[str, str, Finding], ...]

    @property
    def verdict(self) -> Verdict:
        """Whether runs of this problem can be trusted."""
        outcomes = {finding.outcome for _, _, finding in self.findings}
        if "failed" in outcomes:
            return "not ready"
        return "ready with warnings" if "warning" in outcomes else "ready"
