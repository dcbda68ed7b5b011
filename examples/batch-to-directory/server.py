"""Requests to Cairn, with Python's standard library alone."""

import json
from urllib.error import HTTPError
from urllib.parse import urljoin
from urllib.request import Request, urlopen

PATIENCE_SECONDS = 600
"""Idle timeout: a stream of features is silent while nothing completes. After it, the stream is requested again."""


class Refused(Exception):
    """The server refused the request: repeating it gives the same response."""


class Server:
    def __init__(self, address):
        self._address = address

    def open(self, path, body=None, headers=None, method=None):
        """The open response, to be read as it arrives and closed. `body` is bytes or an open file.

        Raises Refused with the problem's text for a status of 4xx but 429, and OSError for what may pass.
        """
        request = Request(urljoin(self._address, path), body, headers or {}, method=method)
        try:
            return urlopen(request, timeout=PATIENCE_SECONDS)
        except HTTPError as error:
            if 400 <= error.code < 500 and error.code != 429:
                raise Refused(f"{error.code}: {error.read().decode(errors='replace')}") from error
            raise

    def call(self, path, **options):
        """The JSON of the response."""
        with self.open(path, **options) as response:
            return json.load(response)

    def has(self, path):
        """Whether the resource at a path exists."""
        try:
            self.open(path, method="HEAD").close()
        except Refused:
            return False
        return True
