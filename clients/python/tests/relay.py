"""A relay to a server that cuts connections where a test wants it."""

import socket
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit


class Relay:
    def __init__(self, target):
        self._target = urlsplit(target)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.cuts = []
        """For each of the next responses with so many bytes: where it is cut."""
        self.made = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.create_connection((self._target.hostname, self._target.port))
            threading.Thread(target=self._copy, args=(near, far, False), daemon=True).start()
            threading.Thread(target=self._copy, args=(far, near, True), daemon=True).start()

    def _copy(self, source, sink, response):
        sent = 0
        try:
            while data := source.recv(65536):
                sink.sendall(data)
                sent += len(data)
                if response and self.cuts and sent >= self.cuts[0]:
                    self.cuts.pop(0)
                    self.made += 1
                    break
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self._listener.close()


@contextmanager
def relay_to(server):
    relay = Relay(server)
    try:
        yield relay
    finally:
        relay.close()
