"""What an attack is, what is known after one, and the predicates that several attacks share."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evolve.sandbox import Limits, Verdict

if TYPE_CHECKING:
    from evolve.testing.hostile._world import World

SANDBOX_ERROR = "sandbox error"
"""Status of a run in which the executor itself failed."""
LIMITS = Limits(
    wall_s=5.0,
    memory_mb=256,
    processes=16,
    output_bytes=2**20,
    printed_bytes=4096,
    scratch_mb=8,
    scratch_files=2000,
)
"""What an attack may use unless it says otherwise."""
BRIEF = Limits(
    wall_s=0.7,
    memory_mb=256,
    processes=16,
    output_bytes=2**20,
    printed_bytes=4096,
    scratch_mb=8,
    scratch_files=2000,
)
"""For attacks that never end by themselves."""

_PRELUDE = '''
import ctypes, errno, os, signal, socket, struct, sys, time

def syscall(x86_64, aarch64, *arguments):
    """Make a system call by its number on either machine; return its value and the name of its error."""
    number = {"x86_64": x86_64, "aarch64": aarch64}.get(os.uname().machine)
    if number is None:
        return [-1, "ENOSYS"]
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    values = [ctypes.c_long(a) if isinstance(a, int) else a for a in (number, *arguments)]
    value = libc.syscall(*values)
    return [value, errno.errorcode.get(ctypes.get_errno(), "?") if value < 0 else ""]

def read(path):
    with open(path, "rb") as file:
        return file.read(100_000).decode(errors="replace")

def attempt(function, *arguments):
    """Return what the function returns, or None when it is refused."""
    try:
        return function(*arguments)
    except Exception:
        return None
'''


def code(text: str) -> str:
    """Return the source of an attack: the common imports and helpers, then its own lines."""
    return _PRELUDE + "\n" + textwrap.dedent(text).strip() + "\n"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is known after the run of an attack.

    Attributes:
        status: The run's status; "sandbox error" when the executor itself failed.
        returned: The decoded return value; None when there is none.
        output: The encoded return value.
        printed: What the program wrote to stdout and stderr.
        feedback: The failure's text; of the executor's failure with status "sandbox error".
        layers: The layers in force, as reported by the executor.
        verdict: The scorer's word on the output; None when nothing was scored.
        inherited: What the attack's `heir` returned in a later run.
        seconds: How long the run took, seen from outside; in C, the longer of building and running.
        cpu_s: Processor time of a program in C, as counted by the executor.
        peak_tasks: Most processes and threads at once that came on top of those before; 0 unless watched.
        peak_mb: Most memory on top of that before, in MiB: resident in processes, or shared and mapped by
            none; 0 unless watched.
    """

    status: str
    returned: Any = None
    output: bytes = b""
    printed: str = ""
    feedback: str = ""
    layers: tuple[str, ...] = ()
    verdict: Verdict | None = None
    inherited: Any = None
    seconds: float = 0.0
    cpu_s: float = 0.0
    peak_tasks: int = 0
    peak_mb: float = 0.0


Predicate = Callable[["World", Outcome], str]
"""Says what shows that an attack succeeded; an empty text when nothing does."""


def nothing(_world: World, _outcome: Outcome) -> str:
    """Add nothing to what the suite looks for after every attack."""
    return ""


def claims(what: str) -> Predicate:
    """Believe a program that returned something truthy."""
    return lambda _world, outcome: f"{what}: {outcome.returned!r:.200}" if outcome.returned else ""


def inherits(what: str) -> Predicate:
    """Believe a later program that found something."""
    return lambda _world, outcome: f"{what}: {outcome.inherited!r:.200}" if outcome.inherited else ""


def granted(*past_permission: str) -> Predicate:
    """Read what `syscall` returned: a success, or an error that comes only after the permission check.

    Args:
        past_permission: Names of such errors.
    """

    def judge(_world: World, outcome: Outcome) -> str:
        match outcome.returned:
            case [int(value), str(error)] if value >= 0 or error in past_permission:
                return f"the kernel answered {value} {error}".strip()
        return ""

    return judge


@dataclass(frozen=True, slots=True)
class Attack:
    """One hostile program, and how to tell that it got what it wanted.

    Whatever the attack, the suite looks for secrets in its output, changed bait, signs of life in the
    listeners, processes left, impossible scores, overrun limits, and a changed honest neighbour.

    Attributes:
        name: Unique, for reports and tests.
        category: What the attack is about.
        intent: What it tries, in one sentence.
        program: Source text that defines `attack(**arguments)`; in C, that of a whole program.
        arguments: Names of the world's facts that the program is given; in C they take the place of `@name@`.
        succeeded: What else shows that it succeeded.
        limits: What the program may use.
        heir: Whether the program also defines `heir(**arguments)`, to be run later, in a run of its own; in C
            it is run again with a further word on its command line.
        watched: Whether to count processes and memory while it runs.
        settle_s: How long to wait before looking, for effects that come later.
        needs: Layers without which no executor can hold it; beyond those that a strict sandbox always has.
        neighbours: How many honest programs to run afterwards.
        language: "python", or "c": compiled and run by commands.
        one_process: Of a program in C: whether it is run as one whose processor time counts.
    """

    name: str
    category: str
    intent: str
    program: str
    arguments: tuple[str, ...] = ()
    succeeded: Predicate = nothing
    limits: Limits = LIMITS
    heir: bool = False
    watched: bool = False
    settle_s: float = 0.0
    needs: tuple[str, ...] = ()
    neighbours: int = 1
    language: str = "python"
    one_process: bool = False


@dataclass(frozen=True, slots=True)
class Report:
    """What became of one attack.

    Attributes:
        attack: Which one.
        succeeded: Whether it got what it wanted: the sandbox has failed.
        evidence: What shows it; empty when it was held.
        status: The run's status.
        seconds: How long the run took.
        outcome: Everything else that is known.
    """

    attack: Attack
    succeeded: bool
    evidence: str
    status: str
    seconds: float
    outcome: Outcome

    def __str__(self) -> str:
        verdict = f"SUCCEEDED ({self.evidence})" if self.succeeded else "held"
        return f"{self.attack.category}/{self.attack.name}: {verdict} [{self.status}, {self.seconds:.2f} s]"
