"""Attacks that take more than their share: memory, time, disk, descriptors, output.

All are bounded: at most 1 GiB of memory, 160 MiB of disk and three seconds, without any sandbox.
"""

from __future__ import annotations

from dataclasses import replace

from evolve.testing.hostile._attack import BRIEF, LIMITS, Attack, Outcome, Predicate, code, nothing
from evolve.testing.hostile._world import World

_CATEGORY = "resources"


def too_much_memory(_world: World, outcome: Outcome) -> str:
    """Allow twice the limit: a watch needs a moment, and forked pages are counted more than once."""
    if outcome.peak_mb > 2 * LIMITS.memory_mb:
        return f"{outcome.peak_mb:.0f} MiB of memory, of {LIMITS.memory_mb} allowed"
    return ""


def _more_than(limit: float, unit: str) -> Predicate:
    """Compare the number that the program says it got hold of."""

    def judge(_world: World, outcome: Outcome) -> str:
        if isinstance(outcome.returned, int) and outcome.returned > limit:
            return f"{outcome.returned:,} {unit}, of {limit:,.0f} allowed"
        return ""

    return judge


def _memory(name: str, intent: str, program: str, needs: tuple[str, ...] = ()) -> Attack:
    return Attack(
        name,
        _CATEGORY,
        intent,
        code(program),
        succeeded=too_much_memory,
        limits=_MEMORY_LIMITS,
        watched=True,
        needs=needs,
    )


def _endless(name: str, intent: str, program: str) -> Attack:
    return Attack(name, _CATEGORY, intent, code(program), limits=BRIEF)


def _amount(name: str, intent: str, program: str, judge: Predicate = nothing) -> Attack:
    return Attack(name, _CATEGORY, intent, code(program), succeeded=judge)


_MEMORY_LIMITS = replace(BRIEF, wall_s=3.0)

ATTACKS = (
    _memory(
        "memory",
        "Fill 1 GiB of memory with bytes.",
        """
            def attack():
                kept = [b"x" * 2**24 for _ in range(64)]
                time.sleep(0.2)
        """,
    ),
    _memory(
        "memory_shared",
        "Fill 1 GiB of shared memory maps.",
        """
            import mmap

            def attack():
                kept = []
                for _ in range(16):
                    kept.append(mmap.mmap(-1, 2**26))
                    kept[-1].write(b"x" * 2**26)
                time.sleep(0.2)
        """,
    ),
    _memory(
        "memory_arrays",
        "Fill 1 GiB with one numeric array.",
        """
            import numpy

            def attack():
                kept = numpy.ones(2**27)
                time.sleep(0.2)
        """,
    ),
    _memory(
        "memory_of_forks",
        "Spread 1 GiB over five processes, none of which takes more than it may.",
        """
            def attack():
                for _ in range(4):
                    if os.fork() == 0:
                        break
                kept = attempt(lambda: b"x" * (200 * 2**20))
                time.sleep(1)
                os._exit(0)
        """,
        needs=("memory_ceiling",),
    ),
    _memory(
        "memory_files",
        "Fill 1 GiB of memory-backed files, mapped so that they stay.",
        """
            import mmap

            def attack():
                kept = []
                for number in range(256):
                    path = f"/dev/shm/evolve-hostile-{os.getpid()}-{number}"
                    fd = os.open(path, os.O_CREAT | os.O_RDWR)
                    os.unlink(path)
                    os.ftruncate(fd, 2**22)
                    kept.append(mmap.mmap(fd, 2**22))
                    kept[-1].write(b"x" * 2**22)
                    os.close(fd)
                time.sleep(0.2)
        """,
    ),
    _memory(
        "memory_unseen",
        "Spread 1 GiB of shared memory over five processes, none of which keeps its pages mapped.",
        """
            import mmap

            def attack():
                for _ in range(4):
                    if os.fork() == 0:
                        break
                kept, part = mmap.mmap(-1, 200 * 2**20), b"x" * 2**22
                for start in range(0, len(kept), 2**22):
                    kept[start : start + 2**22] = part
                    kept.madvise(mmap.MADV_DONTNEED, start, 2**22)
                time.sleep(0.5)
                os._exit(0)
        """,
        needs=("memory_ceiling",),
    ),
    _endless(
        "spin",
        "Compute for ever.",
        """
            def attack():
                while True:
                    pass
        """,
    ),
    _endless(
        "spin_in_forks",
        "Compute for ever in several processes (for 3 s).",
        """
            def attack():
                for _ in range(4):
                    if os.fork() == 0:
                        os.setsid()
                        break
                end = time.monotonic() + 3
                while time.monotonic() < end:
                    pass
                os._exit(0)
        """,
    ),
    _endless(
        "sleep_in_c",
        "Wait in C, where no Python signal handler runs.",
        """
            def attack():
                ctypes.PyDLL(None).sleep(3)
        """,
    ),
    _endless(
        "regex",
        "Backtrack in a regular expression, which holds the interpreter.",
        """
            import re

            def attack():
                signal.alarm(5)
                re.match(r"(a+)+$", "a" * 64 + "b")
        """,
    ),
    _endless(
        "power",
        "Compute a power that takes hours, which holds the interpreter.",
        """
            def attack():
                signal.alarm(5)
                return 7 ** (10**8)
        """,
    ),
    _endless(
        "ignore_signals",
        "Ignore every signal that can be ignored.",
        """
            def attack():
                for number in set(range(1, 65)) - {9, 19, 32, 33}:
                    signal.signal(number, signal.SIG_IGN)
                end = time.monotonic() + 5
                while time.monotonic() < end:
                    attempt(time.sleep, 1)
        """,
    ),
    _endless(
        "return_slowly",
        "Return something whose reading never ends.",
        """
            class Endless(list):
                def __iter__(self):
                    while True:
                        yield 1.0
                __len__ = lambda self: 3
                __reduce_ex__ = lambda self, version: (list, (iter(self),))

            def attack():
                signal.alarm(5)
                return Endless()
        """,
    ),
    _amount(
        "disk_flood",
        "Fill the disk with files, each of a size that is allowed.",
        """
            def attack():
                written = 0
                for number in range(40):
                    with open(f"flood{number}", "wb") as file:
                        written += attempt(file.write, b"x" * 2**22) or 0
                    written *= attempt(os.stat, f"flood{number}").st_size == 2**22
                return written // 2**20
        """,
        _more_than(2 * LIMITS.scratch_mb, "MiB written"),
    ),
    _amount(
        "large_file",
        "Make one file larger than allowed, without writing it.",
        """
            def attack():
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                with open("sparse", "wb") as file:
                    attempt(file.truncate, 2**34)
                return os.stat("sparse").st_size // 2**20
        """,
        _more_than(LIMITS.scratch_mb, "MiB long"),
    ),
    _amount(
        "inode_flood",
        "Make so many empty files that nobody else can make one (at most 20,000).",
        """
            def attack():
                for count in range(20_000):
                    try:
                        os.close(os.open(f"{count}", os.O_CREAT | os.O_WRONLY))
                    except OSError:
                        return count
                return 20_000
        """,
        _more_than(2 * LIMITS.scratch_files, "files"),
    ),
    _amount(
        "deep_folders",
        "Nest folders so deep that no path reaches them and their removal fails.",
        """
            def attack():
                for _ in range(3000):
                    os.mkdir("x" * 100)
                    os.chdir("x" * 100)
                os.chmod(".", 0)
        """,
    ),
    _amount(
        "descriptors",
        "Open as many files as the machine has room for (at most 20,000).",
        """
            def attack():
                kept = []
                try:
                    for _ in range(20_000):
                        kept.append(os.dup(1))
                except OSError:
                    pass
                return len(kept)
        """,
        _more_than(1024, "open files"),
    ),
    _amount(
        "pipes",
        "Keep memory in the buffers of pipes of several processes (at most 240 MiB).",
        """
            import fcntl

            def fill():
                kept = 0
                try:
                    for _ in range(30):
                        _, writer = os.pipe()
                        os.set_blocking(writer, False)
                        attempt(fcntl.fcntl, writer, 1031, 2**20)
                        kept += os.write(writer, b"x" * 2**20)
                except OSError:
                    pass
                return kept

            def attack():
                reader, writer = os.pipe()
                for _ in range(8):
                    if os.fork() == 0:
                        os.write(writer, struct.pack("<Q", attempt(fill) or 0))
                        time.sleep(1)
                        os._exit(0)
                return sum(struct.unpack("<Q", os.read(reader, 8))[0] for _ in range(8)) // 2**20
        """,
        _more_than(LIMITS.memory_mb / 2, "MiB in pipes"),
    ),
    _amount(
        "print_flood",
        "Print 10 MB.",
        """
            def attack():
                for _ in range(100):
                    os.write(1, b"x" * 10**5)
                    os.write(2, b"x" * 10**3)
        """,
    ),
    _amount(
        "huge_return",
        "Return 64 MiB.",
        """
            def attack():
                return b"x" * 2**26
        """,
    ),
    _amount(
        "many_items",
        "Return a million small items, which cost the reader far more than the writer.",
        """
            def attack():
                return [None] * 1_200_000
        """,
    ),
    _endless(
        "recursion",
        "Recurse as deep as the interpreter is told to allow.",
        """
            def attack():
                sys.setrecursionlimit(10**9)
                return attack()
        """,
    ),
    _endless(
        "stack_in_c",
        "Overflow the C stack.",
        """
            def attack():
                steps = iter([])
                for _ in range(10**6):
                    steps = map(int, steps)
                return next(steps)
        """,
    ),
    _amount(
        "huge_integer",
        "Return an integer whose text takes minutes to write.",
        """
            def attack():
                return 1 << 2**22
        """,
    ),
    _memory(
        "decompression",
        "Unpack 1 GiB from a few bytes.",
        """
            import gzip

            def attack():
                small = gzip.compress(bytes(2**24)) * 64
                kept = gzip.decompress(small)
                time.sleep(0.2)
        """,
    ),
    _amount(
        "core_dump",
        "Crash so that a core file is written (asked of the limits only).",
        """
            def attack():
                import resource
                return resource.getrlimit(resource.RLIMIT_CORE)[1] != 0
        """,
        _more_than(0, "limits that allow core files"),
    ),
    _amount(
        "raise_limits",
        "Take back the limits that were set.",
        """
            def attack():
                import resource
                kinds = [resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE]
                raised = 0
                for kind in kinds:
                    attempt(resource.setrlimit, kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                    raised += resource.getrlimit(kind)[1] == resource.RLIM_INFINITY
                return raised
        """,
        _more_than(0, "limits lifted"),
    ),
)
