"""What both clients know of HTTPX: requests, timeouts, problems."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

import httpx

from .effects import Answer, Call, Event
from .errors import CairnError
from .protocol import problem
from .retries import parse_retry_after
from .streams import Group

CONNECT_SECONDS = 10.0
EXTENSIONS_PER_TERM = 3
"""How often the time limit of a set is extended before it would end."""


def settings(url: str | None, api_key: str | None, timeout: float) -> dict[str, Any]:
    """Arguments of an HTTPX client; the environment has `CAIRN_URL` and `CAIRN_API_KEY` for what is left out."""
    base = url or os.environ.get("CAIRN_URL") or "http://127.0.0.1:8080"
    key = api_key or os.environ.get("CAIRN_API_KEY")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    # Tensors do not get smaller by gzip, only later.
    headers["accept-encoding"] = "identity"
    return {"base_url": base, "headers": headers, "timeout": httpx.Timeout(timeout, connect=CONNECT_SECONDS)}


def request_of(http: httpx.Client | httpx.AsyncClient, call: Call) -> httpx.Request:
    arguments: dict[str, Any] = {"params": call.params or None, "headers": call.headers}
    if call.content is not None:
        arguments["content"] = call.content
    elif call.json is not None:
        arguments["json"] = call.json
    if call.read_timeout is not None:
        read = call.read_timeout or None
        arguments["timeout"] = httpx.Timeout(http.timeout.write, connect=http.timeout.connect, read=read)
    # Joined by HTTPX to the base URL, which may have a path of its own.
    return http.build_request(call.method, call.path, **arguments)


def answer_of(response: httpx.Response) -> Answer:
    """Of a response that has been read. Raises CairnError for a status from 400 on."""
    if response.status_code >= 400:
        raise problem_of(response)
    return Answer(response.status_code, response.headers, response.content)


def problem_of(response: httpx.Response) -> CairnError:
    retry_after = parse_retry_after(response.headers.get("retry-after"))
    return problem(response.status_code, response.content, retry_after)


def event_of(event: Any) -> Event:
    return Event(event.event, event.data, event.id)


def group_of(
    name: str | None, consumer: str | None, prefetch: int, redeliver_after: float, begin: str | None
) -> Group | None:
    """By default a consumer is named after host and process."""
    if name is None:
        return None
    own = "".join(c if c.isalnum() or c in "._-" else "-" for c in f"{socket.gethostname()}-{os.getpid()}")
    return Group(name, consumer or own[-64:], prefetch, redeliver_after, begin)


def filters_of(model: object, batch: object) -> Mapping[str, object]:
    return {"model": model, "batch": batch}
