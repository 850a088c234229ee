"""Doors on this machine that no program may reach; they record who knocks."""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import threading

GREETING = b"welcome"


class Listeners:
    """TCP, IPv6, UDP and unix sockets on loopback, served by one thread until closed.

    Who connects is greeted; over unix sockets the greeting carries a descriptor of `secret`.
    """

    def __init__(self, unix_path: str, abstract: str, secret: str) -> None:
        self._selector = selectors.DefaultSelector()
        self._secret = os.open(secret, os.O_RDONLY | os.O_CLOEXEC)
        self._heard: list[str] = []
        self.tcp_port = self._listen("TCP", socket.AF_INET, ("127.0.0.1", 0))
        try:
            self.tcp6_port = self._listen("TCP over IPv6", socket.AF_INET6, ("::1", 0))
        except OSError:
            self.tcp6_port = self.tcp_port  # no IPv6 on this machine: refused there
        self.udp_port = self._bind("UDP", socket.socket(socket.AF_INET, socket.SOCK_DGRAM), ("127.0.0.1", 0))
        self._listen("unix socket", socket.AF_UNIX, unix_path)
        os.chmod(unix_path, 0o777)
        self._listen("abstract unix socket", socket.AF_UNIX, "\0" + abstract)
        self._wakeup, self._waker = socket.socketpair()
        self._selector.register(self._wakeup, selectors.EVENT_READ, "")
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def heard(self) -> list[str]:
        """Return which doors were used since the last call of `forget`."""
        return list(self._heard)

    def forget(self) -> None:
        """Begin to record anew."""
        self._heard.clear()

    def close(self) -> None:
        """Close every door; returns when the thread has ended."""
        self._waker.close()
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            assert isinstance(key.fileobj, socket.socket)
            key.fileobj.close()
        self._selector.close()
        os.close(self._secret)

    def _listen(self, name: str, family: int, address: object) -> int:
        sock = socket.socket(family, socket.SOCK_STREAM)
        port = self._bind(name, sock, address)
        sock.listen()
        return port

    def _bind(self, name: str, sock: socket.socket, address: object) -> int:
        try:
            sock.bind(address)  # type: ignore[arg-type]
        except OSError:
            sock.close()
            raise
        sock.setblocking(False)
        self._selector.register(sock, selectors.EVENT_READ, name)
        bound = sock.getsockname()
        return int(bound[1]) if isinstance(bound, tuple) else 0

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                assert isinstance(key.fileobj, socket.socket)
                if not key.data:
                    return
                self._heard.append(str(key.data))
                with contextlib.suppress(OSError):
                    self._answer(key.fileobj)

    def _answer(self, sock: socket.socket) -> None:
        if sock.type == socket.SOCK_DGRAM:
            sock.recv(65536)
            return
        with sock.accept()[0] as peer:
            if peer.family == socket.AF_UNIX:
                socket.send_fds(peer, [GREETING], [self._secret])
            else:
                peer.send(GREETING)
