"""Attacks by processes and threads, and on other processes."""

from __future__ import annotations

from evolve.testing.hostile._attack import BRIEF, Attack, Outcome, code, granted
from evolve.testing.hostile._world import World

_CATEGORY = "processes"
_SLACK = 8
"""How many tasks an executor may add for its own good while a program runs."""


def too_many_tasks(_world: World, outcome: Outcome) -> str:
    if outcome.peak_tasks > BRIEF.processes + _SLACK:
        return f"{outcome.peak_tasks} processes and threads at once, of {BRIEF.processes} allowed"
    return ""


ATTACKS = (
    Attack(
        "fork_bomb",
        _CATEGORY,
        "Start processes until refused (at most 200, for a second).",
        code("""
            def attack():
                for count in range(200):
                    try:
                        child = os.fork()
                    except OSError:
                        break
                    if child == 0:
                        time.sleep(1.5)
                        os._exit(0)
                time.sleep(1)
        """),
        succeeded=too_many_tasks,
        limits=BRIEF,
        watched=True,
    ),
    Attack(
        "fork_tree",
        _CATEGORY,
        "Let every process start two more, seven generations deep.",
        code("""
            def attack():
                for _ in range(7):
                    attempt(os.fork)
                time.sleep(1.5)
                os._exit(0)
        """),
        succeeded=too_many_tasks,
        limits=BRIEF,
        watched=True,
    ),
    Attack(
        "thread_bomb",
        _CATEGORY,
        "Start threads until refused (at most 200).",
        code("""
            import threading

            def attack():
                threading.stack_size(65536)
                for _ in range(200):
                    attempt(threading.Thread(target=time.sleep, args=(1,), daemon=True).start)
                time.sleep(0.3)
        """),
        succeeded=too_many_tasks,
        limits=BRIEF,
        watched=True,
    ),
    Attack(
        "daemon",
        _CATEGORY,
        "Leave a process in a session of its own that writes a file later.",
        code("""
            def attack(tmp_marker):
                if os.fork() == 0:
                    os.setsid()
                    if os.fork() == 0:
                        os.closerange(0, 256)
                        time.sleep(0.3)
                        attempt(os.mkdir, tmp_marker)
                        time.sleep(5)
                    os._exit(0)
        """),
        arguments=("tmp_marker",),
        settle_s=0.6,
    ),
    Attack(
        "daemon_at_timeout",
        _CATEGORY,
        "Leave a process behind when killed for being late; only the direct child is easily found.",
        code("""
            def attack(tmp_marker):
                if os.fork() == 0:
                    os.closerange(0, 256)
                    time.sleep(1.2)
                    attempt(os.mkdir, tmp_marker)
                    os._exit(0)
                time.sleep(5)
        """),
        arguments=("tmp_marker",),
        limits=BRIEF,
        settle_s=0.8,
    ),
    Attack(
        "linger_on_output",
        _CATEGORY,
        "Hold the output open in a forgotten process, so that whoever reads it waits.",
        code("""
            def attack():
                if os.fork() == 0:
                    os.setsid()
                    time.sleep(4)
                    os._exit(0)
        """),
        limits=BRIEF,
    ),
    Attack(
        "forking_on_death",
        _CATEGORY,
        "Fork without pause, so that there is always one that the killer has not seen (for 3 s).",
        code("""
            def attack(tmp_marker):
                end = time.monotonic() + 3
                while time.monotonic() < end:
                    if os.fork() > 0:
                        os._exit(0)
                    attempt(os.setsid)
                attempt(os.mkdir, tmp_marker)
                os._exit(0)
        """),
        arguments=("tmp_marker",),
        limits=BRIEF,
        settle_s=0.2,
    ),
    Attack(
        "kill_neighbour",
        _CATEGORY,
        "Kill another process of the same user.",
        code("""
            def attack(sentinel_pid):
                os.kill(sentinel_pid, signal.SIGKILL)
        """),
        arguments=("sentinel_pid",),
        settle_s=0.05,
    ),
    Attack(
        "kill_parent",
        _CATEGORY,
        "Kill the process that started this one (the engine itself is only probed).",
        code("""
            def attack(engine_pid):
                parent = os.getppid()
                if parent > 1:
                    os.kill(parent, 0 if parent == engine_pid else signal.SIGKILL)
                    return parent
        """),
        arguments=("engine_pid",),
        succeeded=lambda world, outcome: (
            "may signal the engine" if outcome.returned == world.facts["engine_pid"] else ""
        ),
    ),
    Attack(
        "signal_group",
        _CATEGORY,
        "Signal the whole process group.",
        code("""
            def attack():
                signal.signal(signal.SIGURG, signal.SIG_IGN)
                os.kill(0, signal.SIGURG)
        """),
        settle_s=0.05,
    ),
    Attack(
        "signal_by_file",
        _CATEGORY,
        "Let the kernel signal another process when a socket of this one becomes readable (F_SETOWN).",
        code("""
            import fcntl

            def attack(sentinel_pid):
                ours, theirs = socket.socketpair()
                fcntl.fcntl(ours, fcntl.F_SETOWN, sentinel_pid)
                fcntl.fcntl(ours, fcntl.F_SETSIG, signal.SIGURG)
                fcntl.fcntl(ours, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
                theirs.send(b"!")
        """),
        arguments=("sentinel_pid",),
        settle_s=0.05,
    ),
    Attack(
        "signal_everyone",
        _CATEGORY,
        "Signal every process of the machine (probed with signal 0).",
        code("""
            def attack():
                return syscall(62, 129, -1, 0)
        """),
        succeeded=granted(),
    ),
    Attack(
        "ptrace",
        _CATEGORY,
        "Seize another process as a debugger would.",
        code("""
            def attack(sentinel_pid):
                return syscall(101, 117, 0x4206, sentinel_pid, 0, 0)
        """),
        arguments=("sentinel_pid",),
        succeeded=granted(),
    ),
    Attack(
        "limit_neighbour",
        _CATEGORY,
        "Lower the limits of another process.",
        code("""
            def attack(sentinel_pid):
                import resource
                soft, hard = resource.prlimit(sentinel_pid, resource.RLIMIT_NOFILE)
                resource.prlimit(sentinel_pid, resource.RLIMIT_NOFILE, (soft - 1, hard))
        """),
        arguments=("sentinel_pid",),
    ),
    Attack(
        "slow_neighbour",
        _CATEGORY,
        "Lower the priority of another process.",
        code("""
            def attack(sentinel_pid):
                os.setpriority(os.PRIO_PROCESS, sentinel_pid, 19)
        """),
        arguments=("sentinel_pid",),
    ),
    Attack(
        "raise_priority",
        _CATEGORY,
        "Take a priority above that of all honest programs.",
        code("""
            def attack():
                attempt(os.setpriority, os.PRIO_PROCESS, 0, -20)
                attempt(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1))
                priority, policy = os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0)
                attempt(os.sched_setscheduler, 0, os.SCHED_OTHER, os.sched_param(0))
                return [priority, policy]
        """),
        succeeded=lambda _world, outcome: (
            f"priority and policy {outcome.returned}"
            if outcome.returned and (outcome.returned[0] < 0 or outcome.returned[1] in (1, 2))
            else ""
        ),
    ),
    Attack(
        "pin_neighbour",
        _CATEGORY,
        "Bind another process to one processor.",
        code("""
            def attack(sentinel_pid):
                os.sched_setaffinity(sentinel_pid, {min(os.sched_getaffinity(0))})
        """),
        arguments=("sentinel_pid",),
    ),
    Attack(
        "stop_forever",
        _CATEGORY,
        "Stop instead of ending, in a process that ignores every signal that can be ignored.",
        code("""
            def attack():
                for number in set(range(1, 65)) - {9, 19, 32, 33}:
                    signal.signal(number, signal.SIG_IGN)
                os.kill(os.getpid(), signal.SIGSTOP)
                time.sleep(3)
        """),
        limits=BRIEF,
    ),
    Attack(
        "close_and_stay",
        _CATEGORY,
        "Close every descriptor, so that the other side believes that this process has ended, and stay.",
        code("""
            def attack():
                os.closerange(0, 4096)
                time.sleep(4)
                os._exit(0)
        """),
        limits=BRIEF,
    ),
)
