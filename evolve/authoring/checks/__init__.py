"""Prove that a problem's declaration holds: its limits, its seeds, and what its scorer lets through."""

from evolve.authoring.checks._finding import Finding, Outcome, Report, Verdict
from evolve.authoring.checks._suite import check_problem

__all__ = ["Finding", "Outcome", "Report", "Verdict", "check_problem"]
