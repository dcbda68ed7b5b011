"""A TCP relay in front of a server, which counts what the server sends."""

import socket
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit, urlunsplit


class CountingRelay:
    def __init__(self, target):
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self.received = 0
        """Bytes that the server has sent since the start, headers included."""
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def address(self):
        host, port = self._listener.getsockname()
        return f"{host}:{port}"

    def close(self):
        self._listener.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # closed
                return
            server = socket.create_connection(self._target)
            threading.Thread(target=self._pump, args=(client, server, False), daemon=True).start()
            threading.Thread(target=self._pump, args=(server, client, True), daemon=True).start()

    def _pump(self, source, sink, counted):
        try:
            while data := source.recv(1 << 16):
                if counted:
                    with self._lock:
                        self.received += len(data)
                sink.sendall(data)
        except OSError:  # either side has gone
            pass
        finally:
            for end in (source, sink):
                end.close()


@contextmanager
def relayed(url):
    """Gives the same URL through a relay, and the relay."""
    parts = urlsplit(url)
    relay = CountingRelay((parts.hostname, parts.port))
    try:
        yield urlunsplit(parts._replace(netloc=relay.address)), relay
    finally:
        relay.close()
