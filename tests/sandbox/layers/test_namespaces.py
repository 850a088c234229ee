from __future__ import annotations

import os
import socket

import pytest

from evolve.sandbox import Limits
from evolve.sandbox.layers import _namespaces
from tests.sandbox.helpers import LINUX, Sandbox, body, in_child, needs_namespaces

pytestmark = pytest.mark.skipif(not LINUX, reason="needs Linux")


def test_a_program_is_alone_with_its_own_processes(strict: Sandbox) -> None:
    program = body(
        """
        import os
        def alive(pid):
            try: os.kill(pid, 0)
            except ProcessLookupError: return False
            return True
        return [os.getpid(), os.getppid(), [pid for pid in range(1, 1000) if alive(pid)]]
        """
    )
    assert strict.output(program) == [1, 0, [1]]


def test_it_cannot_name_a_process_of_ours(strict: Sandbox) -> None:
    assert strict.refusal("import os\nos.kill(given['pid'], 0)", pid=os.getpid()) == "ESRCH"
    assert strict.refusal("import os\nos.kill(0, 0)") == ""


NETWORK = """
import fcntl, os, socket, struct

def solve():
    ours, _ = socket.socketpair()  # any socket can be asked about the interfaces
    names = []
    for index in range(1, 100):
        try:
            row = fcntl.ioctl(ours, 0x8910, struct.pack("<16si20x", b"", index))  # SIOCGIFNAME
        except OSError:
            continue
        names.append(row[:16].rstrip(bytes(1)).decode())
    flags = fcntl.ioctl(ours, 0x8913, struct.pack("<16s24x", b"lo"))  # SIOCGIFFLAGS
    try:
        fcntl.ioctl(ours, 0x8914, struct.pack("<16sh22x", b"lo", 1))  # SIOCSIFFLAGS
        raised = "up"
    except OSError as error:
        raised = os.strerror(error.errno)
    return [names, struct.unpack_from("<h", flags, 16)[0] & 1, raised]
"""


def test_the_network_is_a_loopback_that_is_down(strict: Sandbox) -> None:
    names, up, raised = strict.output(NETWORK)
    # tunnels that some kernels put into every network are down as well
    assert set(names) <= {
        "lo",
        "tunl0",
        "gre0",
        "gretap0",
        "erspan0",
        "ip_vti0",
        "ip6_vti0",
        "sit0",
        "ip6tnl0",
    }
    assert (up, raised) == (0, "Operation not permitted")


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_UNIX", "AF_NETLINK", "AF_PACKET", "AF_VSOCK"])
def test_no_socket_can_be_made(either: Sandbox, family: str) -> None:
    if "seccomp" not in either.layers():
        pytest.skip("needs the layer seccomp")
    assert hasattr(socket, family)
    assert either.refusal(f"import socket\nsocket.socket(socket.{family}, socket.SOCK_RAW)") == "EPERM"
    assert either.refusal(f"import socket\nsocket.socketpair(socket.{family})") == (
        "" if family == "AF_UNIX" else "EPERM"
    )


def test_the_host_name_cannot_be_changed(either: Sandbox) -> None:
    assert either.refusal("import socket\nsocket.sethostname('other')") == "EPERM"


@pytest.mark.parametrize(
    "call",
    [
        "shmget(1, 4096, 0o1666)",
        "semget(1, 1, 0o1666)",
        "msgget(1, 0o1666)",
        "mq_open(b'/queue', 0o102, 0o666, 0)",
    ],
)
def test_no_ipc_can_be_made(either: Sandbox, call: str) -> None:
    if "seccomp" not in either.layers():
        pytest.skip("needs the layer seccomp")
    code = f"""
    import ctypes, os
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.{call} < 0:
        raise OSError(ctypes.get_errno(), "refused")
    """
    assert either.refusal(code) == "EPERM"


def test_all_processes_end_with_the_first(strict: Sandbox) -> None:
    program = body(
        """
        import os, time
        for _ in range(5):
            if os.fork() == 0:
                os.setsid()
                time.sleep(100)
        """
    )
    result = strict.run(program)
    assert result.status == "ok"
    assert result.wall_s < 5


CEILING = """
import os, threading, time

def processes():
    made = 0
    try:
        while made < 40:
            if os.fork() == 0: time.sleep(100)
            made += 1
    except BlockingIOError:
        return made

def threads():
    made = 0
    try:
        while made < 40:
            threading.Thread(target=time.sleep, args=(100,), daemon=True).start()
            made += 1
    except RuntimeError:
        return made

def solve(kind):
    return {"processes": processes, "threads": threads}[kind]()
"""


@pytest.mark.parametrize("kind", ["processes", "threads"])
@pytest.mark.parametrize("most", [1, 5])
def test_processes_and_threads_are_counted_together(strict: Sandbox, kind: str, most: int) -> None:
    result = strict.run(CEILING, Limits(wall_s=10, processes=most), kind=kind)
    assert result.status == "ok", result.feedback
    from evolve.sandbox import decode

    assert decode(result.output) == most - 1


@needs_namespaces
def test_own_namespaces_leave_those_of_the_caller_alone() -> None:
    before = os.readlink("/proc/self/ns/net"), os.readlink("/proc/self/ns/user")
    assert _namespaces.works()
    assert (os.readlink("/proc/self/ns/net"), os.readlink("/proc/self/ns/user")) == before

    def work() -> list[str]:
        _namespaces.leave_network()
        return [name for _, name in socket.if_nameindex()] + [os.readlink("/proc/self/ns/net")]

    *interfaces, network = in_child(work)
    assert "lo" in interfaces
    assert network != before[0]
    assert "eth0" not in interfaces
