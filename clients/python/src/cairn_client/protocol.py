"""Requests built and answers read, in one place for both clients: generators of effects (see effects.py)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from .effects import Answer, Call, Close, Open, Read, Sleep, Steps
from .errors import CairnError
from .images import Image, Source, source_of
from .retries import Outage, sending
from .tensors import parse_levels, parse_regions

HEARTBEAT_SECONDS = 15.0
EVENTS_TIMEOUT = 4 * HEARTBEAT_SECONDS
"""The server is never silent for so long."""
RECONNECT_SECONDS = 0.5
FINAL = frozenset({"completed", "failed", "cancelled"})


class Options(TypedDict, total=False):
    """What features are wanted; docs/http.md has the defaults."""

    model: str
    levels: str | Sequence[str]
    dtype: Literal["float16", "float32", "uint8"]
    precision: Literal["float32", "float16", "int8"]
    layout: Literal["nhwc", "nchw"]
    codec: Literal["zstd", "jpeg"]
    quality: int
    size: int
    stage5: bool
    priority: Literal["high", "normal", "low"]


@dataclass(frozen=True)
class Job:
    """A job as the server describes it."""

    id: str
    state: str
    features_id: str | None
    """Known from the start, except for images at URLs."""
    data: Mapping[str, Any]
    """All of the description."""

    @property
    def finished(self) -> bool:
        return self.state in FINAL


def text_of(value: object) -> str:
    """An option as a query has it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value)


def params_of(options: Mapping[str, object]) -> dict[str, str]:
    return {name: text_of(value) for name, value in options.items() if value is not None}


def parse_json(answer: Answer) -> Any:
    try:
        return json.loads(answer.body)
    except ValueError as error:
        raise CairnError("server-failed", "The response is not JSON.") from error


def problem(status: int, body: bytes, retry_after: float | None) -> CairnError:
    """The error that a response with a status from 400 on stands for."""
    try:
        told = json.loads(body)
        code, message = str(told["code"]), str(told.get("detail") or told.get("error") or told["code"])
    except (ValueError, KeyError, TypeError, AttributeError):
        code, message = "server-failed", f"The server answered with status {status}."
    return CairnError(code, message, status=status, retry_after=retry_after)


def submission(path: str, source: Source, options: Mapping[str, object], query: Mapping[str, object]) -> Call:
    """`query` holds what is no option of the features."""
    if source.url is not None:
        given = {name: value for name, value in options.items() if value is not None}
        if not isinstance(given.get("levels", ""), str):
            given["levels"] = list(given["levels"])  # type: ignore[call-overload]
        return Call("POST", path, params_of(query), json={"source": {"url": source.url}, **given})
    headers = {"content-type": "application/octet-stream"}
    return Call("POST", path, params_of({**options, **query}), headers, content=source.content)


def extract(image: Image, options: Mapping[str, object], query: Mapping[str, object], limit: float) -> Steps:
    """Gives `Levels`."""
    answer = yield from sending(submission("/v1/extract", source_of(image), options, query), limit)
    location = answer.headers.get("content-location", "")
    return parse_levels(answer.body, location.removeprefix("/v1/features/").removesuffix(".safetensors"))


def submit(image: Image, options: Mapping[str, object], limit: float) -> Steps:
    """Gives a `Job`."""
    return parse_job((yield from sending(submission("/v1/jobs", source_of(image), options, {}), limit)))


def job(job_id: str, limit: float, method: str = "GET") -> Steps:
    """Gives a `Job`; with DELETE it is cancelled."""
    return parse_job((yield from sending(Call(method, f"/v1/jobs/{job_id}"), limit)))


def wait(job_id: str, on_progress: Callable[[Job], object] | None, limit: float) -> Steps:
    """Gives the completed `Job`; raises CairnError with the job's own code where it failed or was cancelled."""
    outage = Outage(limit)
    while True:
        try:
            handle = yield Open(Call("GET", f"/v1/jobs/{job_id}/events", read_timeout=EVENTS_TIMEOUT), events=True)
            while (event := (yield Read(handle))) is not None:
                outage.reset()
                if event.name not in ("state", "progress"):
                    continue
                found = job_of(json.loads(event.data))
                if on_progress is not None:
                    on_progress(found)
                if found.finished:
                    yield Close(handle)
                    return completed(found)
            # It ended early: the server stops.
            yield Sleep(RECONNECT_SECONDS)
        except CairnError as error:
            yield Sleep(outage.pause(error))


def completed(found: Job) -> Job:
    if found.state == "completed":
        return found
    if found.state == "cancelled":
        raise CairnError("cancelled", f"Job {found.id} was cancelled.")
    error = found.data.get("error") or {}
    raise CairnError(error.get("code", "server-failed"), error.get("message", f"Job {found.id} failed."))


def parse_job(answer: Answer) -> Job:
    return job_of(parse_json(answer))


def job_of(data: Any) -> Job:
    try:
        return Job(data["id"], data["state"], data.get("featuresId"), data)
    except (KeyError, TypeError, AttributeError) as error:
        raise CairnError("server-failed", "The server describes a job in an unknown form.") from error


def levels(features_id: str, query: Mapping[str, object], limit: float) -> Steps:
    """Gives `Levels`, or windows of them, of a set that is there."""
    call = Call("GET", f"/v1/features/{features_id}.safetensors", params_of(query))
    return parse_levels((yield from sending(call, limit)).body, features_id)


def describe(path: str, limit: float) -> Steps:
    """Gives the JSON at a path."""
    return parse_json((yield from sending(Call("GET", path), limit)))


def roi_align(features_id: str, boxes: Any, options: Mapping[str, object], limit: float) -> Steps:
    """Gives `Regions`."""
    names = {"output_size": "outputSize", "sampling_ratio": "samplingRatio"}
    given = {names.get(name, name): value for name, value in options.items() if value is not None}
    question = {"boxes": boxes.tolist() if hasattr(boxes, "tolist") else [list(box) for box in boxes], **given}
    call = Call("POST", f"/v1/features/{features_id}/roi-align", json=question)
    return parse_regions((yield from sending(call, limit)).body)
