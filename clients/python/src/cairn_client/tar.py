"""A tar archive, member by member as its bytes arrive."""

from __future__ import annotations

import tarfile
from collections.abc import Iterator

from .errors import CairnError

BLOCK = tarfile.BLOCKSIZE


class TarReader:
    """Fed with bytes, it gives each member once it is complete."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._name: str | None = None
        self._body = bytearray()
        self._size = 0
        self._padding = 0
        self.ended = False
        """Whether the end of the archive has been read, and nothing is missing."""

    def feed(self, chunk: bytes) -> Iterator[tuple[str, bytearray]]:
        """The members that these bytes complete. Raises CairnError `server-failed` for bytes that are no tar."""
        view = memoryview(chunk)
        while view:
            if self._name is not None:
                view = self._take_body(view)
                if self._name is None:
                    body, self._body = self._body, bytearray()
                    yield self._finished, body
            elif self._padding:
                skipped = min(self._padding, len(view))
                self._padding -= skipped
                view = view[skipped:]
            elif self.ended:
                return
            else:
                taken = min(BLOCK - len(self._rest), len(view))
                self._rest += view[:taken]
                view = view[taken:]
                if len(self._rest) == BLOCK:
                    if (empty := self._begin(bytes(self._rest))) is not None:
                        yield empty, bytearray()
                    self._rest.clear()

    def _take_body(self, view: memoryview) -> memoryview:
        taken = min(self._size - len(self._body), len(view))
        self._body += view[:taken]
        if len(self._body) == self._size:
            self._finished, self._name = self._name or "", None
            self._padding = -self._size % BLOCK
        return view[taken:]

    def _begin(self, block: bytes) -> str | None:
        """Reads a header; returns the name of a member without a body."""
        if block == bytes(BLOCK):
            self.ended = True
            return None
        try:
            member = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise CairnError("server-failed", f"The response is no tar ({error}).") from error
        if member.size == 0:
            return member.name
        self._name, self._size = member.name, member.size
        return None
