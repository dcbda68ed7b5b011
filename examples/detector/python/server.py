"""Requests to Cairn, with Python's standard library alone."""

import json
from urllib.error import HTTPError
from urllib.parse import urljoin
from urllib.request import Request, urlopen

PATIENCE_SECONDS = 60
"""Idle timeout: the event stream has a heartbeat every 15 s."""


class Refused(Exception):
    """The server refused the request: repeating it gives the same response."""


class Server:
    def __init__(self, address):
        self._address = address

    def open(self, path, body=None, headers=None):
        """The open response, to be read as it arrives and closed. `body` is sent as JSON, with POST.

        Raises Refused with the problem's text for a status of 4xx but 429, and OSError for what may pass.
        """
        headers = dict(headers or {})
        if body is not None:
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        try:
            return urlopen(Request(urljoin(self._address, path), body, headers), timeout=PATIENCE_SECONDS)
        except HTTPError as error:
            problem = error.read().decode(errors="replace")
            if 400 <= error.code < 500 and error.code != 429:
                raise Refused(f"{error.code}: {problem}") from error
            raise

    def call(self, path, body=None):
        """The JSON of the response."""
        with self.open(path, body) as response:
            return json.load(response)
