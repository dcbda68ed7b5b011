"""Batches: images are uploaded unless the server has them, submitted as one manifest, and their sets read as they complete."""

from __future__ import annotations

import hashlib
import itertools
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .effects import All, Call, Close, Emit, Open, Read, Send, Sleep, Steps
from .errors import CairnError
from .images import Image, source_of
from .protocol import RECONNECT_SECONDS, params_of, parse_json
from .retries import Outage, sending
from .tar import TarReader
from .tensors import Levels, parse_levels

UPLOADS_AT_ONCE = 64
"""Images whose uploads are planned together; a client's `concurrency` are under way at a time."""
MAX_ATTEMPTS = 1000
NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class BatchSet:
    """One image of a batch: its levels, or why there are none."""

    name: str
    levels: Levels | None
    features_id: str | None
    error: CairnError | None = None
    cursor: str | None = None
    """Position in the order of completion, for `after`; None for images that failed."""
    description: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BatchStarted:
    """The batch that an iteration reads; the first thing that `batch` emits."""

    id: str
    total: int
    """Images that will be given, those that failed included."""
    found: bool
    """Whether it was there already, by an earlier call with the same images and options."""


@dataclass(frozen=True)
class Upload:
    """A line of the manifest, or the set of an image that is refused."""

    name: str
    source: Mapping[str, str] | None
    refused: BatchSet | None = None


def batch(
    images: Iterator[tuple[str, Image]],
    options: Mapping[str, object],
    query: Mapping[str, object],
    *,
    after: str | None,
    new: bool,
    concurrency: int,
    limit: float,
) -> Steps:
    """Emits `BatchStarted`, then a `BatchSet` for every image, completed ones first."""
    uploads: list[Upload] = []
    while chunk := list(itertools.islice(images, UPLOADS_AT_ONCE)):
        uploads += yield All([upload(name, image, limit) for name, image in chunk], concurrency)
    refused = [entry.refused for entry in uploads if entry.refused is not None]
    lines = [entry for entry in uploads if entry.source is not None]
    if lines:
        given = manifest(lines)
        view, found = yield from submit(given, options, attempts=after is None, new=new, limit=limit)
        yield Emit(BatchStarted(view["id"], len(uploads), found))
        yield from follow(view["id"], query, after=after, limit=limit)
    for entry in refused:
        yield Emit(entry)


def upload(name: str, image: Image, limit: float) -> Steps:
    """Gives an `Upload`. What is wrong with one image fails that image only."""
    try:
        source = source_of(image)
        if source.url is not None:
            return Upload(name, {"url": source.url})
        content = source.content or b""
        sha256 = hashlib.sha256(content).hexdigest()
        if not (yield from has_image(sha256, limit)):
            headers = {"content-type": "application/octet-stream"}
            answer = yield from sending(Call("POST", "/v1/images", headers=headers, content=content), limit)
            sha256 = parse_json(answer)["sha256"]
        return Upload(name, {"sha256": sha256})
    except CairnError as error:
        if error.transient or error.status in (401, 403):
            raise
        return Upload(name, None, BatchSet(name, None, None, error))


def has_image(sha256: str, limit: float) -> Steps:
    outage = Outage(limit)
    while True:
        try:
            yield Send(Call("HEAD", f"/v1/images/{sha256}"))
            return True
        except CairnError as error:
            if error.status == 404:
                return False
            yield Sleep(outage.pause(error))


def manifest(lines: list[Upload]) -> bytes:
    """Equal work gives equal bytes."""
    return b"".join(
        json.dumps({"source": line.source, "name": line.name}, ensure_ascii=False).encode() + b"\n" for line in lines
    )


def submit(body: bytes, options: Mapping[str, object], *, attempts: bool, new: bool, limit: float) -> Steps:
    """Gives the batch of this manifest, and whether it was there. One that was cancelled or had failures is made again: the
    server computes nothing twice."""
    params = params_of(options)
    digest = hashlib.sha256(body + json.dumps(sorted(params.items())).encode()).hexdigest()
    suffix = f"-{uuid.uuid4()}" if new else ""
    for attempt in range(MAX_ATTEMPTS):
        key = digest + (f"-{attempt}" if attempt else "") + suffix
        headers = {"content-type": NDJSON, "idempotency-key": key}
        answer = yield from sending(Call("POST", "/v1/batches", params, headers, content=body), limit)
        view = parse_json(answer)
        found = answer.status == 200
        counts = view["counts"]
        ended = view["state"] == "cancelled" or view["state"] == "completed" and counts["failed"] + counts["cancelled"]
        if not (attempts and found and ended) or new:
            return view, found
    raise CairnError("server-failed", f"{MAX_ATTEMPTS} batches of these images have failed.")


def follow(batch_id: str, query: Mapping[str, object], *, after: str | None, limit: float) -> Steps:
    """Emits the sets of a batch as they complete, and last those that failed."""
    outage = Outage(limit)
    path = f"/v1/batches/{batch_id}"
    while True:
        try:
            # Nothing is sent while nothing completes.
            handle = yield Open(Call("GET", f"{path}/features", params_of({**query, "after": after}), read_timeout=0))
            tar = TarReader()
            head: dict[str, Any] | None = None
            while not tar.ended and (chunk := (yield Read(handle))) is not None:
                outage.reset()
                for name, body in tar.feed(chunk):
                    if name.endswith(".json"):
                        head = json.loads(bytes(body))
                        if "error" not in head:
                            continue
                        yield Emit(unavailable(head))
                    elif head is not None:
                        yield Emit(complete(head, body))
                    after, head = head["cursor"] if head else after, None
            yield Close(handle)
            if tar.ended:
                break
            yield Sleep(RECONNECT_SECONDS)
        except CairnError as error:
            yield Sleep(outage.pause(error))
    for state in ("failed", "cancelled"):
        call = Call("GET", f"{path}/results", {"state": state}, {"accept": NDJSON})
        for line in (yield from sending(call, limit)).body.splitlines():
            if line.strip():
                yield Emit(failed(json.loads(line)))


def complete(head: Mapping[str, Any], body: bytearray) -> BatchSet:
    features_id = head["features"]["id"]
    levels = parse_levels(body, features_id)
    return BatchSet(head["name"], levels, features_id, None, head["cursor"], head["description"])


def unavailable(head: Mapping[str, Any]) -> BatchSet:
    error = CairnError(head["error"]["code"], head["error"]["message"])
    return BatchSet(head["name"], None, head["features"]["id"], error, head["cursor"])


def failed(result: Mapping[str, Any]) -> BatchSet:
    told = result.get("error") or {"code": "cancelled", "message": "The batch was cancelled."}
    return BatchSet(result["name"], None, None, CairnError(told["code"], told["message"]))
