from __future__ import annotations

import ctypes
import errno
import os
import struct

import pytest

from evolve.sandbox import _kernel
from evolve.sandbox.layers import _privileges, _seccomp, _syscalls
from evolve.sandbox.layers._seccomp import ALLOW, ENOSYS, EPERM, KILL
from tests.sandbox.helpers import LINUX, in_child

HARMLESS = {
    "x86_64": {
        "read": 0, "write": 1, "close": 3, "poll": 7, "mmap": 9, "mprotect": 10, "munmap": 11, "brk": 12,
        "rt_sigaction": 13, "ioctl": 16, "sched_yield": 24, "getpid": 39, "sendmsg": 46, "fork": 57, "vfork": 58,
        "exit": 60, "wait4": 61, "kill": 62, "getcwd": 79, "futex": 202, "clock_gettime": 228, "exit_group": 231,
        "openat": 257, "unlinkat": 263, "pipe2": 293, "prlimit64": 302, "getrandom": 318, "statx": 332, "rseq": 334,
    },
    "aarch64": {
        "read": 63, "write": 64, "close": 57, "mmap": 222, "mprotect": 226, "munmap": 215, "brk": 214,
        "rt_sigaction": 134, "ioctl": 29, "sched_yield": 124, "getpid": 172, "sendmsg": 211, "exit": 93, "wait4": 260,
        "kill": 129, "getcwd": 17, "futex": 98, "clock_gettime": 113, "exit_group": 94, "openat": 56, "unlinkat": 35,
        "pipe2": 59, "prlimit64": 261, "getrandom": 278, "statx": 291, "rseq": 293,
    },
}  # fmt: skip
DENIED = [(machine, name) for machine in _syscalls.MACHINES for name in _syscalls.denied_numbers(machine)]
AF_UNIX, AF_INET = 1, 2
SIGCHLD, CLONE_VM, CLONE_THREAD = 17, 0x100, 0x10000
NAMESPACES = {
    "time": 0x80, "mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000,
    "pid": 0x20000000, "net": 0x40000000,
}  # fmt: skip


def judge(program: bytes, number: int, arch: int, *arguments: int) -> int:
    """Interpret a filter for one system call, as the kernel would."""
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, arch, 0, *arguments, *[0] * (6 - len(arguments)))
    lines = list(struct.iter_unpack("<HBBI", program))
    accumulator = at = 0
    while True:
        code, yes, no, operand = lines[at]
        at += 1
        match code:
            case 0x20:  # load a word
                (accumulator,) = struct.unpack_from("<I", data, operand)
            case 0x15:
                at += yes if accumulator == operand else no
            case 0x35:
                at += yes if accumulator >= operand else no
            case 0x45:
                at += yes if accumulator & operand else no
            case 0x06:
                return int(operand)
            case _:
                raise AssertionError(f"unknown instruction {code:#x}")


def verdict(machine: str, number: int, *arguments: int, allow_exec: bool = False) -> int:
    program = _seccomp.program(machine, allow_exec=allow_exec)
    return judge(program, number, _syscalls.AUDIT_ARCH[machine], *arguments)


@pytest.mark.parametrize(("machine", "name"), DENIED)
def test_every_listed_call_is_denied(machine: str, name: str) -> None:
    assert verdict(machine, _syscalls.denied_numbers(machine)[name]) == EPERM


@pytest.mark.parametrize("machine", _syscalls.MACHINES)
def test_harmless_calls_are_allowed(machine: str) -> None:
    refused = [name for name, number in HARMLESS[machine].items() if verdict(machine, number) != ALLOW]
    assert refused == []


@pytest.mark.parametrize("machine", _syscalls.MACHINES)
@pytest.mark.parametrize("allow_exec", [False, True])
def test_nothing_else_is_denied(machine: str, allow_exec: bool) -> None:
    column = _syscalls.MACHINES.index(machine)
    numbers = _syscalls.denied_numbers(machine)
    denied = {n for name, n in numbers.items() if not (allow_exec and name in ("execve", "execveat"))}
    for number in range(1000):
        expected = EPERM if number in denied else ALLOW
        expected = {_syscalls.CLONE3[column]: ENOSYS, _syscalls.SOCKETPAIR[column]: EPERM}.get(
            number, expected
        )
        assert verdict(machine, number, allow_exec=allow_exec) == expected, number


@pytest.mark.parametrize("machine", _syscalls.MACHINES)
def test_no_number_is_listed_twice(machine: str) -> None:
    numbers = list(_syscalls.denied_numbers(machine).values())
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("machine", _syscalls.MACHINES)
@pytest.mark.parametrize("arch", [0x40000003, 0x40000028, 0, 0xFFFFFFFF], ids=["i386", "arm", "none", "all"])
def test_another_architectures_calls_kill(machine: str, arch: int) -> None:
    program = _seccomp.program(machine)
    assert {judge(program, number, arch) for number in range(500)} == {KILL}
    assert len({_syscalls.AUDIT_ARCH[name] for name in _syscalls.MACHINES}) == len(_syscalls.MACHINES)


@pytest.mark.parametrize("number", [0, 1, 41, 59, 520, 545])
def test_the_x32_table_is_closed(number: int) -> None:
    assert verdict("x86_64", 0x40000000 + number) == EPERM
    assert verdict("x86_64", 0xFFFFFFFF) == EPERM


@pytest.mark.parametrize("machine", _syscalls.MACHINES)
def test_clone_makes_processes_and_threads_but_no_namespaces(machine: str) -> None:
    number = _syscalls.CLONE[_syscalls.MACHINES.index(machine)]
    assert verdict(machine, number, SIGCHLD) == ALLOW
    assert verdict(machine, number, 0x3D0F00) == ALLOW  # what a thread library passes
    for flag in NAMESPACES.values():
        assert verdict(machine, number, flag | SIGCHLD) == EPERM
        assert verdict(machine, number, flag | CLONE_VM | CLONE_THREAD | 1 << 40) == EPERM


@pytest.mark.parametrize("machine", _syscalls.MACHINES)
def test_only_unix_socket_pairs_are_allowed(machine: str) -> None:
    number = _syscalls.SOCKETPAIR[_syscalls.MACHINES.index(machine)]
    assert verdict(machine, number, AF_UNIX) == ALLOW
    assert {verdict(machine, number, family) for family in (0, *range(2, 50))} == {EPERM}


@pytest.mark.parametrize("machine", _syscalls.MACHINES)
def test_memory_is_mapped_but_never_shared_without_a_file(machine: str) -> None:
    number = _syscalls.MMAP[_syscalls.MACHINES.index(machine)]

    def mapped(flags: int) -> int:
        return verdict(machine, number, 0, 4096, 3, flags, 2**64 - 1, 0)

    shared, private, validate, fixed, anonymous = 0x01, 0x02, 0x03, 0x10, 0x20
    for flags in (private, private | anonymous, private | anonymous | fixed, shared, validate):
        assert mapped(flags) == ALLOW
    for flags in (shared | anonymous, validate | anonymous, shared | anonymous | fixed | 0x40000):
        assert mapped(flags) == EPERM


@pytest.mark.parametrize("machine", _syscalls.MACHINES)
def test_one_process_makes_threads_but_no_processes(machine: str) -> None:
    column = _syscalls.MACHINES.index(machine)
    program, arch = _seccomp.one_process(machine), _syscalls.AUDIT_ARCH[machine]
    forks = {numbers[column] for numbers in _syscalls.FORKS} - {None}
    clone, clone3 = _syscalls.CLONE[column], _syscalls.CLONE3[column]
    for number in set(range(1000)) - {clone}:
        expected = EPERM if number in forks else ENOSYS if number == clone3 else ALLOW
        assert judge(program, number, arch) == expected, number
    assert judge(program, clone, arch, 0x3D0F00) == ALLOW  # what a thread library passes
    assert {judge(program, clone, arch, flags) for flags in (0, SIGCHLD, CLONE_VM, 0x4000 | CLONE_VM)} == {
        EPERM
    }
    assert judge(program, 0, 0x40000003) == KILL


# -- the kernel's own word -----------------------------------------------------------------------

MACHINE = _syscalls.machine() if LINUX else None
needs_seccomp = pytest.mark.skipif(MACHINE is None, reason="needs Linux on a machine with a known table")
HERE = _syscalls.denied_numbers(MACHINE) if MACHINE else {}


def _answers(*, allow_exec: bool) -> dict[str, str]:
    """Make every denied call in a process with the filter; return the names of the error numbers."""

    def work() -> dict[str, str]:
        os.setsid()  # no terminal to hang up
        _privileges.forbid_new_privileges()
        _seccomp.apply(_seccomp.program(MACHINE or "", allow_exec=allow_exec))
        # -1 is no descriptor, no address and no flags: the calls fail anyway, with another error
        return {name: _answer(number) for name, number in HERE.items()}

    return in_child(work)


def _answer(number: int) -> str:
    libc = ctypes.CDLL(None, use_errno=True)
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_long(-1)] * 6)
    return errno.errorcode[ctypes.get_errno()] if result == -1 else str(result)


@pytest.fixture(scope="module")
def answers() -> dict[str, str]:
    return _answers(allow_exec=False)


@needs_seccomp
@pytest.mark.parametrize("name", HERE)
def test_the_kernel_refuses(answers: dict[str, str], name: str) -> None:
    assert answers[name] == "EPERM"


@needs_seccomp
def test_new_programs_can_be_allowed() -> None:
    answers = _answers(allow_exec=True)
    assert {name for name, answer in answers.items() if answer != "EPERM"} == {"execve", "execveat"}


@needs_seccomp
def test_python_works_behind_the_filter() -> None:
    def work() -> list[object]:
        import asyncio
        import threading

        _privileges.forbid_new_privileges()
        _seccomp.apply(_seccomp.program(MACHINE or ""))
        found: list[object] = []
        thread = threading.Thread(target=found.append, args=("thread",))  # by way of clone3, refused
        thread.start()
        thread.join()
        child = os.fork()
        if child == 0:
            os._exit(7)
        found.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        asyncio.run(asyncio.sleep(0))  # a socket pair
        return [*found, len(os.urandom(4))]

    assert in_child(work) == ["thread", 7, 4]


@needs_seccomp
def test_a_filter_is_only_installed_without_privileges_to_gain() -> None:
    def work() -> str:
        if os.geteuid() == 0:
            os.setresuid(*[_privileges.NOBODY] * 3)
        try:
            _seccomp.apply(_seccomp.program(MACHINE or ""))
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        return ""

    assert in_child(work) == "EACCES"
    assert _kernel.LINUX
