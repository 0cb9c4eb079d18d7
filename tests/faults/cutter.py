"""A wire that breaks: passes a request on and cuts the answer after so many bytes, as a lost mobile network does."""

import contextlib
import http.client
import socket
import struct
import threading


class Cutter:
    """A TCP proxy in front of a port; `allow` bytes of each answer pass (None: all), then both ends are reset."""

    def __init__(self, port: int) -> None:
        self.target, self.allow, self.passed = port, None, 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def connect(self) -> http.client.HTTPConnection:
        """A connection over this wire."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=90)

    def close(self) -> None:
        """Take the wire down."""
        self.listener.shutdown(socket.SHUT_RDWR)  # its thread leaves accept()
        self.listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(("127.0.0.1", self.target), 90)
        except OSError:
            client.close()
            return
        threading.Thread(target=self._pass, args=(client, server), daemon=True).start()
        left, self.passed = self.allow, 0
        with contextlib.suppress(OSError):
            # At least one byte is waited for: the server has done its work when the wire breaks at the first.
            while chunk := server.recv(1 if left == 0 else min(left or 65536, 65536)):
                if left == 0:
                    break
                self.passed += len(chunk)  # first: who has read the answer looks at it
                client.sendall(chunk)
                if left is not None:
                    left -= len(chunk)
        for end in (client, server):
            with contextlib.suppress(OSError):
                if left == 0:
                    # An immediate reset instead of a polite goodbye.
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                end.shutdown(socket.SHUT_RDWR)  # the other thread still reads from it, so closing alone says nothing
            end.close()

    def _pass(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while chunk := source.recv(65536):
                target.sendall(chunk)
