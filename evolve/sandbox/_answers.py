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
class Command:
    """A command to run in a sandbox of its own.

    Attributes:
        argv: The tool and its arguments. A plain name is looked up among the system's tools and the problem's
            toolchains, one with a slash in the scratch folder.
        files: What to put into the scratch folder, by file name.
        executable: Names of those that may be run.
        stdin: What it reads.
        collect: Names of the files to return when it succeeds.
        one_process: Whether it has to stay a single process, of any number of threads: only then is all of
            its processor time counted. It could start another and never wait for it, and the kernel would
            forget what that one took. Enforced by the layer "seccomp".
    """

    argv: tuple[str, ...]
    files: dict[str, bytes]
    executable: tuple[str, ...] = ()
    stdin: bytes = b""
    collect: tuple[str, ...] = ()
    one_process: bool = False


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What became of a command.

    Attributes:
        status: "ok" when it ended with exit code 0; else "failed", "timeout" or "memory".
        feedback: What a proposer should know about a failure.
        stdout: What it printed.
        stderr: The beginning of what it printed there.
        files: What was collected, by name.
        exit: Its exit code; negative: the signal that ended it; None: it did not end by itself.
        command_s: Wall-clock seconds of the command itself, from its start to its end.
        wall_s: Wall-clock seconds of the whole sandbox.
        cpu_s: Processor seconds of the command, and of such descendants as it did not hide from the kernel's
            count; see `Command.one_process`.
        layers: Names of the sandbox layers that were in force.
    """

    status: str
    feedback: str
    stdout: bytes
    stderr: bytes
    files: dict[str, bytes]
    exit: int | None
    command_s: float
    wall_s: float
    cpu_s: float
    layers: tuple[str, ...]


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
        printed: The beginning of what the scorer printed, for its author alone.
    """

    status: str
    metrics: dict[str, float]
    feedback: str
    artifact: bytes = b""
    printed: str = ""
