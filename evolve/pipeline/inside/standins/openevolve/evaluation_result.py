"""Stand-in for `openevolve.evaluation_result`: metrics, and texts beside them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class EvaluationResult:
    """What an evaluator may return instead of a dict of metrics.

    Attributes:
        metrics: Numbers by name; `combined_score` is what counts.
        artifacts: Texts (or bytes) by name, for the next proposer.
    """

    metrics: dict[str, float]
    artifacts: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def from_dict(cls, metrics: dict[str, float]) -> EvaluationResult:
        """Wrap metrics without artifacts."""
        return cls(metrics)

    def to_dict(self) -> dict[str, float]:
        """Return the metrics."""
        return self.metrics

    def has_artifacts(self) -> bool:
        """Tell whether there are artifacts."""
        return len(self.artifacts) > 0

    def get_artifact_keys(self) -> list[str]:
        """Name the artifacts."""
        return [*self.artifacts]

    def get_artifact_size(self, key: str) -> int:
        """Return the size of an artifact in bytes; 0 when there is none of this name."""
        value = self.artifacts.get(key, b"")
        return len(value if isinstance(value, bytes) else str(value).encode())

    def get_total_artifact_size(self) -> int:
        """Return the size of all artifacts in bytes."""
        return sum(map(self.get_artifact_size, self.artifacts))
