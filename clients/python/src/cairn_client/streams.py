"""Announcements of finished feature sets, for subscribers and for consumers of a group."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .effects import Call, Emit, Open, Read, Sleep, Steps
from .errors import CairnError
from .protocol import EVENTS_TIMEOUT, RECONNECT_SECONDS, params_of, parse_json
from .retries import Outage, sending

log = logging.getLogger("cairn_client")


@dataclass(frozen=True)
class Announcement:
    """A feature set that is finished."""

    id: str
    """Of the event: `after` begins behind it."""
    features_id: str
    delivery: int
    """How often it was delivered to the group, from 1; a set that no consumer acknowledges comes again and again."""
    data: Mapping[str, Any]
    """All of the announcement: model, levels, job, batch, links, …"""


@dataclass(frozen=True)
class Group:
    """A consumer of a group."""

    name: str
    consumer: str
    prefetch: int
    redeliver_after: float
    begin: str | None
    """Where a new group begins: after this id; `0`: with the oldest set that is kept."""

    @property
    def params(self) -> dict[str, object]:
        milliseconds = round(self.redeliver_after * 1000)
        given = {"group": self.name, "consumer": self.consumer, "prefetch": self.prefetch, "from": self.begin}
        return {**given, "redeliverAfterMs": milliseconds}


def stream(filters: Mapping[str, object], group: Group | None, *, after: str | None, acknowledge: bool, limit: float) -> Steps:
    """Emits `Announcement`s without end, and connects again where the connection is lost. A set counts as processed once the
    next one is asked for: then it is acknowledged, or (without a group) not asked for again."""
    outage = Outage(limit)
    last = after
    while True:
        params = {**filters, **group.params} if group else {**filters, "after": last}
        try:
            call = Call("GET", "/v1/stream", params_of(params), read_timeout=EVENTS_TIMEOUT)
            handle = yield Open(call, events=True)
            while (event := (yield Read(handle))) is not None:
                outage.reset()
                if event.name == "features":
                    found = announcement(event.data)
                    yield Emit(found)
                    if group and acknowledge:
                        yield from acknowledged(group.name, [found.id], limit)
                elif event.name == "end" and json.loads(event.data).get("reason") == "superseded":
                    raise CairnError("superseded", "Another consumer of the same name has taken over.")
                elif event.name in ("gap", "lost", "end"):
                    log.warning("%s: %s", event.name, event.data)
                last = event.id or last
            yield Sleep(RECONNECT_SECONDS)
        except CairnError as error:
            wait = outage.pause(error)
            log.info("connecting again in %.1f s: %s", wait, error)
            yield Sleep(wait)


def announcement(text: str) -> Announcement:
    data = json.loads(text)
    return Announcement(data["id"], data["features"]["id"], data.get("delivery", 1), data)


def acknowledged(group: str, ids: list[str], limit: float) -> Steps:
    """Gives how many of the sets were unacknowledged until now."""
    answer = yield from sending(Call("POST", f"/v1/stream/groups/{group}/ack", json={"ids": ids}), limit)
    return parse_json(answer)["acknowledged"]


def extended(group: Group, ids: list[str], limit: float) -> Steps:
    """Gives the ids that the consumer still holds."""
    question = {"consumer": group.consumer, "ids": ids}
    answer = yield from sending(Call("POST", f"/v1/stream/groups/{group.name}/extend", json=question), limit)
    return parse_json(answer)["extended"]
