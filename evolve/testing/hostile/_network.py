"""Attacks that talk to the outside. All doors are the world's own, on loopback."""

from __future__ import annotations

from evolve.testing.hostile._attack import Attack, claims, code, granted

_CATEGORY = "network"
_SETTLE_S = 0.05
"""The listeners' thread needs a moment to notice."""

ATTACKS = (
    Attack(
        "tcp",
        _CATEGORY,
        "Connect to a service on this machine.",
        code("""
            def attack(tcp_port):
                return socket.create_connection(("127.0.0.1", tcp_port), timeout=0.5).recv(100)
        """),
        arguments=("tcp_port",),
        settle_s=_SETTLE_S,
    ),
    Attack(
        "tcp_ipv6",
        _CATEGORY,
        "Connect over IPv6.",
        code("""
            def attack(tcp6_port):
                return socket.create_connection(("::1", tcp6_port), timeout=0.5).recv(100)
        """),
        arguments=("tcp6_port",),
        settle_s=_SETTLE_S,
    ),
    Attack(
        "tcp_fast_open",
        _CATEGORY,
        "Connect without calling connect (MSG_FASTOPEN).",
        code("""
            def attack(tcp_port):
                sock = socket.socket()
                sock.settimeout(0.5)
                sock.sendto(b"hello", socket.MSG_FASTOPEN, ("127.0.0.1", tcp_port))
                return sock.recv(100)
        """),
        arguments=("tcp_port",),
        settle_s=_SETTLE_S,
    ),
    Attack(
        "udp",
        _CATEGORY,
        "Send a datagram.",
        code("""
            def attack(udp_port):
                socket.socket(type=socket.SOCK_DGRAM).sendto(b"hello", ("127.0.0.1", udp_port))
        """),
        arguments=("udp_port",),
        settle_s=_SETTLE_S,
    ),
    Attack(
        "dns",
        _CATEGORY,
        "Carry data out inside the name of a look-up (asked of the world's own port).",
        code("""
            def attack(udp_port):
                labels = b"".join(bytes([len(part)]) + part for part in (b"stolen", b"data", b"invalid"))
                head = struct.pack(">HHHHHH", 1, 256, 1, 0, 0, 0)
                question = head + labels + b"\\0" + struct.pack(">HH", 1, 1)
                sock = socket.socket(type=socket.SOCK_DGRAM)
                sock.connect(("127.0.0.1", udp_port))
                sock.send(question)
        """),
        arguments=("udp_port",),
        settle_s=_SETTLE_S,
    ),
    Attack(
        "unix_socket",
        _CATEGORY,
        "Connect to a service's socket file.",
        code("""
            def attack(unix_path):
                sock = socket.socket(socket.AF_UNIX)
                sock.connect(unix_path)
        """),
        arguments=("unix_path",),
        settle_s=_SETTLE_S,
    ),
    Attack(
        "abstract_socket",
        _CATEGORY,
        "Connect to a service that has a name but no file.",
        code("""
            def attack(label):
                sock = socket.socket(socket.AF_UNIX)
                sock.connect("\\0" + label)
        """),
        arguments=("label",),
        settle_s=_SETTLE_S,
    ),
    Attack(
        "receive_descriptor",
        _CATEGORY,
        "Be handed an open file by a service (SCM_RIGHTS).",
        code("""
            def attack(unix_path, label):
                found = []
                for address in (unix_path, "\\0" + label):
                    sock = socket.socket(socket.AF_UNIX)
                    sock.settimeout(0.5)
                    if attempt(lambda: sock.connect(address) or True):
                        _, fds, _, _ = socket.recv_fds(sock, 100, 4)
                        found += [os.pread(fd, 1000, 0) for fd in fds]
                return found
        """),
        arguments=("unix_path", "label"),
        settle_s=_SETTLE_S,
    ),
    Attack(
        "raw_sockets",
        _CATEGORY,
        "Open sockets that see or forge packets.",
        code("""
            def attack():
                kinds = [(socket.AF_INET, socket.SOCK_RAW, 1), (socket.AF_PACKET, socket.SOCK_RAW, 0)]
                kinds += [(socket.AF_INET, socket.SOCK_DGRAM, 1)]
                return [str(kind) for kind in kinds if attempt(socket.socket, *kind)]
        """),
        succeeded=claims("opened"),
    ),
    Attack(
        "unusual_sockets",
        _CATEGORY,
        "Open sockets of families that filters forget: virtual machine, crypto, audit, Bluetooth, CAN.",
        code("""
            def attack():
                kinds = [(40, 1, 0), (38, 5, 0), (16, 3, 9), (31, 3, 1), (29, 3, 1), (17, 2, 0), (30, 5, 0)]
                return [str(kind) for kind in kinds if attempt(socket.socket, *kind)]
        """),
        succeeded=claims("opened"),
    ),
    Attack(
        "interfaces",
        _CATEGORY,
        "Learn the machine's network interfaces.",
        code("""
            def attack():
                return [name for _, name in socket.if_nameindex() if name != "lo"]
        """),
        succeeded=claims("learned interfaces"),
    ),
    Attack(
        "socketpair_family",
        _CATEGORY,
        "Get a socket of another family from the call that makes pairs.",
        code("""
            def attack():
                pair = (ctypes.c_int * 2)()
                return syscall(53, 199, 30, 1, 0, pair)
        """),
        succeeded=granted(),
    ),
    Attack(
        "io_uring_socket",
        _CATEGORY,
        "Set up a ring that would open sockets without the system calls that a filter sees.",
        code("""
            def attack():
                return syscall(425, 425, 4, ctypes.create_string_buffer(120))
        """),
        succeeded=granted(),
    ),
)
