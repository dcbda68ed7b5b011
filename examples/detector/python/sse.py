"""Cairn's announcements of finished feature sets: server-sent events, received as a consumer of a group."""

import json
import sys
import time
from http.client import HTTPException
from urllib.parse import urlencode

PAUSE_SECONDS = 2
REDELIVER_AFTER_MS = 300_000
"""A set that its consumer has not acknowledged for this long goes to another. A large one takes a CPU half a minute."""


def events(response):
    """(name, data) of each event of an open response; the caller skips names that it does not know."""
    event = {}
    for line in response:
        field, _, value = line.decode().rstrip("\r\n").partition(": ")
        if field:
            event[field] = value
            continue
        if "data" in event:
            yield event.get("event", "message"), json.loads(event["data"])
        event = {}


class Subscription:
    """One consumer of a group. Every detector needs a name of its own, and the same one each time it starts."""

    def __init__(self, server, group, consumer, **filters):
        self._server = server
        self._group = group
        options = {"group": group, "consumer": consumer, "redeliverAfterMs": REDELIVER_AFTER_MS, **filters}
        self._path = f"/v1/stream?{urlencode(options)}"

    def announcements(self):
        """Feature sets as they complete, without end; sets that were not acknowledged are redelivered on reconnection.

        What stands between the yields is the caller's work, whose failures (OSError) are a reason to reconnect as well.
        """
        with self._server.open(self._path, headers={"Accept": "text/event-stream"}) as response:
            for name, data in events(response):
                if name == "ready":
                    print(f"listening as a member of {self._group}", file=sys.stderr, flush=True)
                elif name == "features":
                    yield data
                elif name in ("gap", "lost", "end"):
                    print(f"{name}: {json.dumps(data)}", file=sys.stderr, flush=True)

    def acknowledge(self, announcement):
        self._server.call(f"/v1/stream/groups/{self._group}/ack", {"ids": [announcement["id"]]})

    def each(self, work):
        """Calls `work(announcement)` for each set and acknowledges it afterwards, until `work` returns False."""
        while True:
            try:
                for announcement in self.announcements():
                    go_on = work(announcement)
                    self.acknowledge(announcement)
                    if go_on is False:
                        return
            except (OSError, HTTPException) as error:
                print(f"connecting again: {error}", file=sys.stderr, flush=True)
            time.sleep(PAUSE_SECONDS)
