"""What the protocol asks of a transport.

The protocol (`protocol.py`, `batches.py`, `streams.py`) consists of generators that yield the effects below and receive their
results; it does no input or output itself. `Cairn` and `AsyncCairn` each perform the effects in their own way.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Call:
    """One request. Every call may be repeated: the server does no work twice."""

    method: str
    path: str
    params: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None
    json: object = None
    read_timeout: float | None = None
    """Seconds of silence after which the connection counts as lost; None: the client's own."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with a status below 400."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Event:
    """A server-sent event."""

    name: str
    data: str
    id: str


@dataclass(frozen=True, slots=True)
class Send:
    """Gives an `Answer`."""

    call: Call


@dataclass(frozen=True, slots=True)
class Open:
    """Gives a handle for `Read`. The transport closes what is still open when the generator ends."""

    call: Call
    events: bool = False


@dataclass(frozen=True, slots=True)
class Read:
    """Gives the next bytes of a response, or its next `Event`; None at the end."""

    handle: Any


@dataclass(frozen=True, slots=True)
class Close:
    handle: Any


@dataclass(frozen=True, slots=True)
class Sleep:
    seconds: float


@dataclass(frozen=True, slots=True)
class Emit:
    """Hands a value to whoever iterates; goes on when the next one is asked for."""

    value: Any


@dataclass(frozen=True, slots=True)
class All:
    """Runs generators side by side, at most `limit` at a time; gives their results in order."""

    steps: Sequence[Steps]
    limit: int


Effect: TypeAlias = Send | Open | Read | Close | Sleep | Emit | All
Steps: TypeAlias = Generator[Effect, Any, Any]
"""A part of the protocol. Errors are `CairnError`."""
