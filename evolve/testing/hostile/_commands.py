"""Attacks by programs in C: on the step that compiles them, where programs may be started, and on their time.

What they are told stands in their text, as `@name@`. Each is compiled and run by commands, as a `command`
stage does.
"""

from __future__ import annotations

import textwrap

from evolve.testing.hostile._attack import (
    BRIEF,
    LIMITS,
    Attack,
    Outcome,
    Predicate,
    claims,
    inherits,
    nothing,
)
from evolve.testing.hostile._processes import too_many_tasks
from evolve.testing.hostile._resources import too_much_memory
from evolve.testing.hostile._world import World

_CATEGORY = "commands"
_LEAST_HIDDEN_S = 0.1

_PRELUDE = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void show(const char *path) {
    char part[65536];
    int fd = open(path, O_RDONLY);
    ssize_t size;
    while (fd >= 0 && (size = read(fd, part, sizeof part)) > 0) {
        fwrite(part, 1, size, stdout);
    }
}

static double used(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static double burn(void) {
    double start = used(), now;
    while ((now = used()) < start + 0.4) {
    }
    return now - start;
}
"""


def _hides_time(_world: World, outcome: Outcome) -> str:
    """Compare what the program says it has used with what was counted; it says only what it has used."""
    said = outcome.returned.strip() if isinstance(outcome.returned, str) else ""
    hidden = float(said) - outcome.cpu_s if said else 0.0
    if hidden > _LEAST_HIDDEN_S:
        return f"took {float(said):.2f} s of processor time, of which {outcome.cpu_s:.2f} s were counted"
    return ""


def _c(text: str) -> str:
    return _PRELUDE + textwrap.dedent(text)


def _at_compile_time(name: str, intent: str, program: str, *arguments: str) -> Attack:
    return Attack(name, _CATEGORY, intent, textwrap.dedent(program), arguments, language="c")


def _attack(name: str, intent: str, program: str, *arguments: str, succeeded: Predicate = nothing) -> Attack:
    return Attack(name, _CATEGORY, intent, _c(program), arguments, succeeded=succeeded, language="c")


def _timed(name: str, intent: str, program: str) -> Attack:
    return Attack(name, _CATEGORY, intent, _c(program), succeeded=_hides_time, language="c", one_process=True)


ATTACKS = (
    # -- when it is compiled -------------------------------------------------------------------------
    _at_compile_time(
        "c_include_file",
        "Have the compiler quote a file of the user's in its messages.",
        """
            #include "@secret@"
            int main(void) { return 0; }
        """,
        "secret",
    ),
    _at_compile_time(
        "c_include_scorer",
        "Have the compiler quote the scorer in its messages.",
        """
            #include "@scorer@"
            int main(void) { return 0; }
        """,
        "scorer",
    ),
    _at_compile_time(
        "c_include_other_run",
        "Have the compiler quote the programs of another run in its messages.",
        """
            #include "@other_run@/programs.txt"
            int main(void) { return 0; }
        """,
        "other_run",
    ),
    _attack(
        "c_incbin",
        "Have the assembler put a file into the program, and print it.",
        r"""
            __asm__(".data\nbegin: .incbin \"@home_secret@\"\nend:\n.text\n");
            extern const char begin[] __asm__("begin"), end[] __asm__("end");
            int main(void) { fwrite(begin, 1, end - begin, stdout); return 0; }
        """,
        "home_secret",
    ),
    _attack(
        "c_incbin_store",
        "Have the assembler put the run's database into the program, and print it.",
        r"""
            __asm__(".data\nbegin: .incbin \"@store@\"\nend:\n.text\n");
            extern const char begin[] __asm__("begin"), end[] __asm__("end");
            int main(void) { fwrite(begin, 1, end - begin, stdout); return 0; }
        """,
        "store",
    ),
    Attack(
        "c_compiler_memory",
        _CATEGORY,
        "Have the assembler need about 700 MiB.",
        textwrap.dedent(r"""
            __asm__(".rept 32000000\n.skip 0\n.endr\n");
            int main(void) { return 0; }
        """),
        succeeded=too_much_memory,
        language="c",
        watched=True,
    ),
    Attack(
        "c_compiler_time",
        _CATEGORY,
        "Keep the compiler busy for ever, with little memory.",
        textwrap.dedent("""
            #if __INCLUDE_LEVEL__ < 150
            #include __FILE__
            #include __FILE__
            #endif
            #if __INCLUDE_LEVEL__ == 0
            int main(void) { return 0; }
            #endif
        """),
        language="c",
        limits=BRIEF,
    ),
    # -- when it runs: the surroundings ----------------------------------------------------------------
    _attack(
        "c_read_files",
        "Open files of the user's, the scorer and another run's.",
        """
            int main(void) {
                show("@secret@"); show("@home_secret@"); show("@scorer@"); show("@other_run@/programs.txt");
                return 0;
            }
        """,
        "secret",
        "home_secret",
        "scorer",
        "other_run",
    ),
    _attack(
        "c_environment",
        "Print the environment, one's own and the engine's.",
        """
            int main(void) {
                for (char **item = environ; *item; item++) puts(*item);
                show("/proc/self/environ"); show("/proc/@engine_pid@/environ");
                return 0;
            }
        """,
        "engine_pid",
    ),
    _attack(
        "c_inherited_descriptors",
        "Read every descriptor that is open from the beginning.",
        """
            int main(void) {
                char part[4096];
                for (int fd = 3; fd < 256; fd++) {
                    ssize_t size = pread(fd, part, sizeof part, 0);
                    if (size > 0) fwrite(part, 1, size, stdout);
                }
                return 0;
            }
        """,
    ),
    _attack(
        "c_engine_memory",
        "Read a secret in the engine's memory.",
        """
            int main(void) {
                char part[@memory_size@];
                struct iovec here = {part, sizeof part}, there = {(void *)@memory_address@ull, sizeof part};
                ssize_t size = process_vm_readv(@engine_pid@, &here, 1, &there, 1, 0);
                if (size > 0) fwrite(part, 1, size, stdout);
                return 0;
            }
        """,
        "engine_pid",
        "memory_address",
        "memory_size",
    ),
    _attack(
        "c_tcp",
        "Connect to a port of this machine.",
        """
            int main(void) {
                struct sockaddr_in peer = {.sin_family = AF_INET, .sin_port = htons(@tcp_port@)};
                peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
                char part[64];
                int fd = socket(AF_INET, SOCK_STREAM, 0);
                if (connect(fd, (struct sockaddr *)&peer, sizeof peer) == 0) {
                    ssize_t size = read(fd, part, sizeof part);
                    fwrite(part, 1, size > 0 ? size : 0, stdout);
                }
                return 0;
            }
        """,
        "tcp_port",
        succeeded=claims("was greeted"),
    ),
    _attack(
        "c_unix_socket",
        "Connect to a socket in the file system.",
        """
            int main(void) {
                struct sockaddr_un peer = {.sun_family = AF_UNIX};
                strncpy(peer.sun_path, "@unix_path@", sizeof peer.sun_path - 1);
                char part[64];
                int fd = socket(AF_UNIX, SOCK_STREAM, 0);
                if (connect(fd, (struct sockaddr *)&peer, sizeof peer) == 0) {
                    ssize_t size = read(fd, part, sizeof part);
                    fwrite(part, 1, size > 0 ? size : 0, stdout);
                }
                return 0;
            }
        """,
        "unix_path",
        succeeded=claims("was greeted"),
    ),
    _attack(
        "c_write_outside",
        "Write files outside of the scratch folder.",
        """
            int main(void) {
                const char *paths[] = {"@tmp_marker@", "@home_marker@", "@problem_marker@"};
                for (int i = 0; i < 3; i++) close(open(paths[i], O_CREAT | O_WRONLY, 0644));
                return 0;
            }
        """,
        "tmp_marker",
        "home_marker",
        "problem_marker",
    ),
    _attack(
        "c_change_scorer",
        "Have the scorer say something else.",
        """
            int main(void) {
                FILE *file = fopen("@scorer@", "a");
                if (file) { fputs("# changed\\n", file); fclose(file); }
                return 0;
            }
        """,
        "scorer",
    ),
    _attack(
        "c_kill_neighbour",
        "End a process of the user's.",
        """
            int main(void) { kill(@sentinel_pid@, SIGKILL); return 0; }
        """,
        "sentinel_pid",
    ),
    _attack(
        "c_trace_neighbour",
        "Trace a process of the user's.",
        """
            int main(void) {
                if (ptrace(PTRACE_SEIZE, @sentinel_pid@, 0, 0) == 0) puts("traced");
                return 0;
            }
        """,
        "sentinel_pid",
        succeeded=claims("the kernel allowed it"),
    ),
    # -- when it runs: processes -----------------------------------------------------------------------
    Attack(
        "c_daemon",
        _CATEGORY,
        "Leave a process in a session of its own that writes a file later.",
        _c("""
            int main(void) {
                if (fork() == 0) {
                    setsid();
                    if (fork() == 0) {
                        for (int fd = 0; fd < 256; fd++) close(fd);
                        sleep(1);
                        close(open("@tmp_marker@", O_CREAT | O_WRONLY, 0644));
                        sleep(3);
                    }
                    _exit(0);
                }
                return 0;
            }
        """),
        ("tmp_marker",),
        settle_s=1.5,
        language="c",
    ),
    Attack(
        "c_linger_on_output",
        _CATEGORY,
        "Ignore all signals and keep stdout open, in a session of its own, beyond the time limit.",
        _c("""
            int main(void) {
                for (int number = 1; number < 64; number++) signal(number, SIG_IGN);
                if (fork() == 0) setsid();
                for (int i = 0; i < 80; i++) usleep(100000);
                return 0;
            }
        """),
        limits=BRIEF,
        language="c",
    ),
    Attack(
        "c_fork_bomb",
        _CATEGORY,
        "Start processes until refused (at most 200, for a second).",
        _c("""
            int main(void) {
                for (int i = 0; i < 200; i++) {
                    pid_t child = fork();
                    if (child < 0) break;
                    if (child == 0) { usleep(1500000); _exit(0); }
                }
                sleep(1);
                return 0;
            }
        """),
        succeeded=too_many_tasks,
        limits=BRIEF,
        watched=True,
        language="c",
    ),
    Attack(
        "c_memory",
        _CATEGORY,
        "Take 700 MiB in three processes.",
        _c("""
            int main(void) {
                fork(); fork();
                size_t size = 175u << 20;
                char *block = malloc(size);
                if (block) memset(block, 1, size);
                __asm__ volatile("" : : "r"(block) : "memory");
                sleep(1);
                return 0;
            }
        """),
        succeeded=too_much_memory,
        watched=True,
        limits=LIMITS,
        language="c",
    ),
    # -- what it takes, and what it knows beforehand --------------------------------------------------------
    _timed(
        "c_ignored_child",
        "Work in a child that the kernel buries without counting its time.",
        """
            int main(void) {
                int ends[2];
                double spent = 0;
                signal(SIGCHLD, SIG_IGN);
                if (pipe(ends)) return 1;
                pid_t child = fork();
                if (child < 0) return 0;
                if (child == 0) { spent = burn(); write(ends[1], &spent, sizeof spent); _exit(0); }
                close(ends[1]);
                if (read(ends[0], &spent, sizeof spent) == sizeof spent) printf("%f", spent);
                read(ends[0], &spent, 1);
                usleep(50000);
                return 0;
            }
        """,
    ),
    _timed(
        "c_ignored_child_by_number",
        "The same by the number of the system call, with flags of one's own.",
        """
            int main(void) {
                int ends[2];
                double spent = 0;
                struct sigaction none = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT};
                sigaction(SIGCHLD, &none, NULL);
                if (pipe(ends)) return 1;
                long child = syscall(SYS_clone, SIGCHLD | CLONE_FILES, 0, 0, 0, 0);
                if (child < 0) return 0;
                if (child == 0) { spent = burn(); write(ends[1], &spent, sizeof spent); _exit(0); }
                if (read(ends[0], &spent, sizeof spent) == sizeof spent) printf("%f", spent);
                usleep(100000);
                return 0;
            }
        """,
    ),
    _timed(
        "c_ignored_copy",
        "Start a copy of oneself, let it work, and let the kernel bury it.",
        """
            int main(int count, char **words) {
                int ends[2];
                double spent = 0;
                if (count > 1) { spent = burn(); write(atoi(words[1]), &spent, sizeof spent); return 0; }
                signal(SIGCHLD, SIG_IGN);
                if (pipe(ends)) return 1;
                char number[16], *again[] = {words[0], number, NULL};
                snprintf(number, sizeof number, "%d", ends[1]);
                pid_t child;
                if (posix_spawn(&child, words[0], NULL, NULL, again, environ) != 0) return 0;
                if (read(ends[0], &spent, sizeof spent) == sizeof spent) printf("%f", spent);
                usleep(100000);
                return 0;
            }
        """,
    ),
    Attack(
        "c_left_answers",
        _CATEGORY,
        "Keep an answer in the working folder, in the program's own file and in /tmp for the next run.",
        _c("""
            int main(int count, char **words) {
                const char *paths[] = {"answer", "@tmp_marker@", words[0]};
                char part[65536], mark[16];
                sprintf(mark, "%s_%s", "the", "answer");
                for (int i = 0; i < 3; i++) {
                    if (count > 1) {
                        FILE *file = fopen(paths[i], "r");
                        size_t size = file ? fread(part, 1, sizeof part, file) : 0;
                        if (size && memmem(part, size, mark, strlen(mark))) puts(paths[i]);
                    } else {
                        unlink(paths[i]);
                        FILE *file = fopen(paths[i], "w");
                        if (file) { fputs(mark, file); fclose(file); }
                    }
                }
                return 0;
            }
        """),
        ("tmp_marker",),
        succeeded=inherits("the next run"),
        heir=True,
        language="c",
    ),
)
