"""What an executor answers."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class RunResult:
    """What became of one program run.

    Attributes:
        status: "ok", "failed", "timeout" or "memory".
        output: The encoded return value, unread; empty unless "ok". For several cases in one
            process: the encoded list of their encoded return values.
        feedback: What a proposer should know about a failure: the error and the program's frames.
        printed: The beginning of what it wrote to stdout and stderr.
        wall_s: Wall-clock seconds from fork to end.
        cpu_s: CPU seconds of the program's processes.
        layers: Names of the sandbox layers that were in force.
        parts: What the time went into, in seconds: "fork", "confine", "program" and "end".
    """

    status: str
    output: bytes
    feedback: str
    printed: str
    wall_s: float
    cpu_s: float
    layers: tuple[str, ...]
    parts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The trusted scorer's word on an output.

    Attributes:
        status: "valid"; "invalid" (a rule of the problem is broken); "timeout" (the scorer took
            too long on this output); "error" (the scorer itself failed: never the program's fault,
            `feedback` is its traceback for the problem's author).
        metrics: Finite floats by name; empty unless valid.
        feedback: Text for the next proposer.
        artifact: Encoded plain data that shows the solution, when asked for.
    """

    status: str
    metrics: dict[str, float]
    feedback: str
    artifact: bytes = b""
