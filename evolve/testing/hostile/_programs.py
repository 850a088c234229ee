"""Attacks by other programs, from where they may be started: as by an evaluator with `subprocesses`."""

from __future__ import annotations

from dataclasses import replace

from evolve.testing.hostile._attack import BRIEF, LIMITS, Attack, Predicate, claims, code, nothing
from evolve.testing.hostile._processes import too_many_tasks

_CATEGORY = "programs"
_MAY_EXEC = replace(LIMITS, may_exec=True)
_IMPORTS = "import subprocess\n"


def _attack(name: str, intent: str, program: str, *arguments: str, succeeded: Predicate = nothing) -> Attack:
    return Attack(
        name,
        _CATEGORY,
        intent,
        _IMPORTS + code(program),
        arguments,
        succeeded=succeeded,
        limits=_MAY_EXEC,
    )


ATTACKS = (
    _attack(
        "program_reads",
        "Have a program of the system's read files of the user's.",
        """
            def attack(secret, scorer, store):
                return [attempt(subprocess.check_output, ["cat", path]) for path in (secret, scorer, store)]
        """,
        "secret",
        "scorer",
        "store",
    ),
    _attack(
        "program_lists_environments",
        "Have a shell print the environment of every process.",
        """
            def attack():
                line = "env; cat /proc/[0-9]*/environ"
                return subprocess.run(["sh", "-c", line], capture_output=True).stdout
        """,
    ),
    _attack(
        "program_connects",
        "Have an interpreter connect to a port of this machine.",
        """
            def attack(tcp_port):
                text = f"import socket; print(socket.create_connection(('127.0.0.1', {tcp_port})).recv(9))"
                return subprocess.run([sys.executable, "-c", text], capture_output=True).stdout
        """,
        "tcp_port",
    ),
    _attack(
        "program_writes",
        "Have a shell write files outside of the scratch folder.",
        """
            def attack(tmp_marker, home_marker):
                subprocess.run(["sh", "-c", f"echo > {tmp_marker}; echo > {home_marker}"])
        """,
        "tmp_marker",
        "home_marker",
    ),
    _attack(
        "program_kills",
        "Have a shell end a process of the user's.",
        """
            def attack(sentinel_pid):
                subprocess.run(["sh", "-c", f"kill -9 {sentinel_pid}"])
        """,
        "sentinel_pid",
    ),
    _attack(
        "program_renices",
        "Have a program of the system's change a neighbour's priority.",
        """
            def attack(sentinel_pid):
                subprocess.run(["renice", "-n", "5", "-p", str(sentinel_pid)])
        """,
        "sentinel_pid",
    ),
    _attack(
        "program_becomes_root",
        "Become root by a set-user-id program that the program itself has made.",
        """
            def attack():
                subprocess.run(["cp", "/bin/sh", "shell"])
                subprocess.run(["chown", "0:0", "shell"])
                subprocess.run(["chmod", "4755", "shell"])
                said = subprocess.run(["./shell", "-p", "-c", "id -u"], capture_output=True, text=True).stdout
                return said.strip() == "0"
        """,
        succeeded=claims("it ran as root"),
    ),
    replace(
        _attack(
            "program_stays",
            "Leave a program in a session of its own that writes a file later.",
            """
                def attack(tmp_marker):
                    quiet = {name: subprocess.DEVNULL for name in ("stdin", "stdout", "stderr")}
                    line = f"sleep 1; echo > {tmp_marker}; sleep 3"
                    subprocess.Popen(["sh", "-c", line], start_new_session=True, **quiet)
            """,
            "tmp_marker",
        ),
        settle_s=1.5,
    ),
    replace(
        _attack(
            "program_bomb",
            "Have a shell start programs until refused (at most 200, for a second).",
            """
                def attack():
                    line = "i=0; while [ $i -lt 200 ]; do sleep 1.5 & i=$((i+1)); done; sleep 1"
                    subprocess.run(["sh", "-c", line])
            """,
            succeeded=too_many_tasks,
        ),
        limits=replace(BRIEF, may_exec=True),
        watched=True,
    ),
)
