"""When a failed request is sent again."""

from __future__ import annotations

import email.utils
import random
import time

from .effects import Call, Send, Sleep, Steps
from .errors import CairnError

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 15.0


class Outage:
    """Counts failures in a row and says how long to wait after each; one that lasts longer than `limit` seconds is raised."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self.reset()

    def reset(self) -> None:
        """The server has answered."""
        self._since: float | None = None
        self._failures = 0

    def pause(self, error: CairnError) -> float:
        """Seconds until the next attempt. Raises `error` where that would be in vain, or too late."""
        if not error.transient:
            raise error
        now = time.monotonic()
        if self._since is None:
            self._since = now
        # With jitter, so that clients that lost a server together do not return together.
        wait = min(FIRST_PAUSE * 2.0**self._failures, LONGEST_PAUSE) * random.uniform(0.75, 1.25)
        if error.retry_after is not None:
            wait = max(error.retry_after, 0.0)
        if now + wait - self._since > self._limit:
            raise error
        self._failures += 1
        return wait


def sending(call: Call, limit: float) -> Steps:
    """Sends a call until it is answered; gives the `Answer`. Raises CairnError if it is refused, or after `limit` seconds."""
    outage = Outage(limit)
    while True:
        try:
            return (yield Send(call))
        except CairnError as error:
            yield Sleep(outage.pause(error))


def parse_retry_after(value: str | None) -> float | None:
    """Seconds, from either form of the header."""
    if value is None:
        return None
    try:
        return float(value)
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
