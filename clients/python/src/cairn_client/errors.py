"""Errors of the server and of the way to it."""

from __future__ import annotations

TRANSIENT_STATUSES = frozenset({408, 429, 502, 503, 504, 507})


class CairnError(Exception):
    """A request that failed, or a job that did.

    `code` is stable: docs/http.md lists the server's. The client adds `server-unreachable`, `server-failed` (an answer that is
    not Cairn's), `image-unreadable` and `superseded` (another consumer of the same name has taken over).
    """

    def __init__(
        self, code: str, message: str, *, status: int | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        """Of HTTP; None where there was no response, and for a job's own error."""
        self.retry_after = retry_after
        """Seconds that the server asks to wait."""

    def __str__(self) -> str:
        return f"{self.message} [{self.code}]"

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later."""
        return self.code == "server-unreachable" or self.status in TRANSIENT_STATUSES


def unreachable(error: Exception) -> CairnError:
    """Of a connection that could not be made, or broke off."""
    reason = str(error) or type(error).__name__
    return CairnError("server-unreachable", f"The server does not answer ({reason}).")
