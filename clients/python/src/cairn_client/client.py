"""The synchronous client."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Literal, Self, Unpack

import httpx
from httpx_sse import EventSource, SSEError

from . import batches, protocol, streams
from .effects import All, Answer, Call, Close, Emit, Event, Open, Read, Send, Sleep, Steps
from .errors import unreachable
from .images import Image, named_images
from .protocol import Job, Options
from .slicing import Index, LevelInfo, cut, levels_of
from .streams import Announcement, Group
from .tensors import Array, Levels, Regions
from .transport import (
    EXTENSIONS_PER_TERM,
    answer_of,
    event_of,
    filters_of,
    group_of,
    problem_of,
    request_of,
    settings,
)

As = Literal["float16", "float32"] | None


class Cairn:
    """A Cairn server. Thread-safe; close it, or use it in a `with` statement.

    `url` and `api_key` default to the environment's `CAIRN_URL` (else http://127.0.0.1:8080) and `CAIRN_API_KEY`. `timeout` is
    the longest silence of a response in seconds. Requests that fail for reasons that pass are repeated, as the server's
    `Retry-After` says, for up to `retry_for` seconds. `concurrency` images of a batch are read and uploaded at a time.
    Methods raise `CairnError`.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = 300.0,
        retry_for: float = 60.0,
        concurrency: int = 4,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._http = httpx.Client(**settings(url, api_key, timeout), transport=transport)
        self._limit = retry_for
        self._concurrency = concurrency

    def close(self) -> None:
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def extract(
        self, image: Image, *, as_: As = None, order: str | None = None, **options: Unpack[Options]
    ) -> Levels:
        """The levels of an image, in one request: `{name: array}` with what the server says of them. `as_` converts values:
        uint8 is decoded, float16 widened."""
        levels: Levels = self._run(protocol.extract(image, options, {"as": as_, "order": order}, self._limit))
        return levels

    def submit(self, image: Image, **options: Unpack[Options]) -> Job:
        """Submits an image and returns at once."""
        job: Job = self._run(protocol.submit(image, options, self._limit))
        return job

    def wait(self, job: Job | str, on_progress: Callable[[Job], object] | None = None) -> Job:
        """The job once it is completed. Raises CairnError with the code of the job if it fails."""
        done: Job = self._run(protocol.wait(id_of(job), on_progress, self._limit))
        return done

    def job(self, job: Job | str) -> Job:
        """The job as it is now."""
        found: Job = self._run(protocol.job(id_of(job), self._limit))
        return found

    def cancel(self, job: Job | str) -> Job:
        """Cancels a job that is queued or active; raises CairnError `job-finished` if it is too late."""
        cancelled: Job = self._run(protocol.job(id_of(job), self._limit, "DELETE"))
        return cancelled

    def levels(
        self, features: str, levels: str | Iterable[str] | None = None, *, as_: As = None, order: str | None = None
    ) -> Levels:
        """The levels of a feature set that is there, whole."""
        query = {"levels": listed(levels), "as": as_, "order": order}
        found: Levels = self._run(protocol.levels(features, query, self._limit))
        return found

    def features(self, features: str) -> FeatureSet:
        """A feature set whose levels are read only where they are sliced."""
        return FeatureSet(self, features, self._run(protocol.describe(f"/v1/features/{features}", self._limit)))

    def models(self) -> Any:
        """The catalogue, as the server describes it."""
        return self._run(protocol.describe("/v1/models", self._limit))

    def roi_align(
        self,
        features: str,
        boxes: Any,
        *,
        method: Literal["matterport", "detectron2", "torchvision"] = "matterport",
        format: Literal["yxyx", "xyxy"] | None = None,
        coordinates: Literal["pixel", "normalized"] | None = None,
        output_size: int | tuple[int, int] | None = None,
        sampling_ratio: int | None = None,
        levels: str | Iterable[str] | None = None,
    ) -> Regions:
        """Regions of boxes `[n, 4]`, pooled by the server as the project of that name does."""
        options = roi_options(method, format, coordinates, output_size, sampling_ratio, levels)
        regions: Regions = self._run(protocol.roi_align(features, boxes, options, self._limit))
        return regions

    def batch(
        self,
        images: Any,
        *,
        after: str | None = None,
        new: bool = False,
        recursive: bool = False,
        progress: bool = False,
        as_: As = None,
        **options: Unpack[Options],
    ) -> Iterator[batches.BatchSet]:
        """Sets of many images as they complete, and last the images that failed.

        `images` is a folder, or an iterable of images or of `(name, image)`. The same images and options find the batch of an
        earlier call, unless `new`; `after` (a set's cursor) leaves out what was read then. The connection is resumed where it
        is lost. With `progress`, tqdm shows a bar.
        """
        steps = batches.batch(
            named_images(images, recursive),
            options,
            {"as": as_},
            after=after,
            new=new,
            concurrency=self._concurrency,
            limit=self._limit,
        )
        started, bar = None, None
        try:
            for value in self._each(steps):
                if isinstance(value, batches.BatchStarted):
                    started = value
                    bar = progress_bar(started) if progress else None
                    continue
                if bar is not None:
                    bar.update()
                yield value
        finally:
            if bar is not None:
                bar.close()

    def stream(
        self,
        *,
        group: str | None = None,
        consumer: str | None = None,
        model: str | Iterable[str] | None = None,
        batch: str | Iterable[str] | None = None,
        after: str | None = None,
        begin: str | None = None,
        prefetch: int = 1,
        redeliver_after: float = 60.0,
        acknowledge: bool = True,
    ) -> Iterator[Announcement]:
        """Feature sets as they are finished, without end.

        In a `group` each set goes to one consumer. While the loop works on a set, its time limit (`redeliver_after` seconds) is
        extended in the background; it is acknowledged when the next is asked for. A set whose loop ends by an exception is not,
        and goes to another consumer. With `acknowledge=False`, call `acknowledge` yourself.
        """
        member = group_of(group, consumer, prefetch, redeliver_after, begin)
        filters = filters_of(listed(model), listed(batch))
        steps = streams.stream(filters, member, after=after, acknowledge=acknowledge, limit=self._limit)
        if member is None:
            yield from self._each(steps)
            return
        with Extender(self, member) as extender:
            for announcement in self._each(steps):
                with extender.holding(announcement.id):
                    yield announcement

    def acknowledge(self, group: str, announcement: Announcement | str) -> int:
        """How many sets that acknowledged: 0 where it was too late."""
        event = announcement if isinstance(announcement, str) else announcement.id
        count: int = self._run(streams.acknowledged(group, [event], self._limit))
        return count

    def _run(self, steps: Steps) -> Any:
        """The result of a part of the protocol."""
        with ExitStack() as stack:
            try:
                effect = next(steps)
                while True:
                    effect = self._step(steps, effect, stack)
            except StopIteration as done:
                return done.value

    def _each(self, steps: Steps) -> Iterator[Any]:
        """The values that a part of the protocol emits."""
        with ExitStack() as stack:
            try:
                effect = next(steps)
                while True:
                    if isinstance(effect, Emit):
                        yield effect.value
                        effect = steps.send(None)
                    else:
                        effect = self._step(steps, effect, stack)
            except StopIteration:
                return

    def _step(self, steps: Steps, effect: Any, stack: ExitStack) -> Any:
        try:
            result = self._perform(effect, stack)
        except httpx.TransportError as error:
            return steps.throw(unreachable(error))
        except StopIteration:
            raise
        except Exception as error:
            return steps.throw(error)
        return steps.send(result)

    def _perform(self, effect: Any, stack: ExitStack) -> Any:
        match effect:
            case Send(call):
                return self._send(call)
            case Open(call, events):
                return stack.enter_context(Handle(self._http, call, events))
            case Read(handle):
                return handle.read()
            case Close(handle):
                return handle.close()
            case Sleep(seconds):
                return time.sleep(seconds)
            case All(several, limit):
                if limit == 1 or len(several) == 1:
                    return [self._run(steps) for steps in several]
                with ThreadPoolExecutor(limit) as pool:
                    return list(pool.map(self._run, several))

    def _send(self, call: Call) -> Answer:
        return answer_of(self._http.send(request_of(self._http, call)))


class Handle:
    """An open response."""

    def __init__(self, http: httpx.Client, call: Call, events: bool) -> None:
        self._response = http.send(request_of(http, call), stream=True)
        if self._response.status_code >= 400:
            try:
                self._response.read()
            finally:
                self._response.close()
            raise problem_of(self._response)
        source = EventSource(self._response).iter_sse() if events else self._response.iter_raw()
        self._source: Iterator[Any] = iter(source)
        self._events = events

    def read(self) -> bytes | Event | None:
        try:
            found = next(self._source, None)
        except SSEError as error:
            raise unreachable(error) from error
        return event_of(found) if self._events and found is not None else found

    def close(self) -> None:
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Extender:
    """A thread that extends the time limit of the set in work."""

    def __init__(self, client: Cairn, group: Group) -> None:
        self._client = client
        self._group = group
        self._held: str | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._work, name="cairn-extend", daemon=True)

    def holding(self, event: str) -> Extender.Held:
        return Extender.Held(self, event)

    def _work(self) -> None:
        while not self._over.wait(self._group.redeliver_after / EXTENSIONS_PER_TERM):
            if (held := self._held) is None:
                continue
            try:
                self._client._run(streams.extended(self._group, [held], 0))
            except Exception as error:
                # The set may be delivered again: that is what the time limit is for.
                streams.log.info("%s was not extended: %s", held, error)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    class Held:
        def __init__(self, extender: Extender, event: str) -> None:
            self._extender, self._event = extender, event

        def __enter__(self) -> None:
            self._extender._held = self._event

        def __exit__(self, *_: object) -> None:
            self._extender._held = None


class FeatureSet:
    """A stored feature set: `features["P3"][10:20, 5:9]` reads these cells only."""

    def __init__(self, client: Cairn, features_id: str, description: dict[str, Any]) -> None:
        self.id = features_id
        self.description = description
        self._client = client
        self._levels = levels_of(description)

    def __getitem__(self, level: str) -> Level:
        return Level(self._client, self.id, self._levels[level])

    def __iter__(self) -> Iterator[str]:
        return iter(self._levels)

    def __len__(self) -> int:
        return len(self._levels)


class Level:
    """A level on the server. `np.asarray` reads all of it."""

    def __init__(self, client: Cairn, features_id: str, info: LevelInfo) -> None:
        self.info = info
        self._client = client
        self._features = features_id

    @property
    def shape(self) -> tuple[int, ...]:
        return self.info.shape

    @property
    def dtype(self) -> Any:
        return self.info.dtype

    def __getitem__(self, index: Index) -> Array:
        part = cut(self.info, index)
        if part.query is None:
            return part.apply(None, self.info)
        found = self._client._run(protocol.levels(self._features, part.query, self._client._limit))
        return part.apply(found, self.info)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        values = self._client.levels(self._features, self.info.name)[self.info.name]
        return values if dtype is None else values.astype(dtype)

    def __len__(self) -> int:
        return self.info.shape[0]


def id_of(job: Job | str) -> str:
    return job if isinstance(job, str) else job.id


def listed(names: str | Iterable[str] | None) -> str | None:
    return names if names is None or isinstance(names, str) else ",".join(names)


def roi_options(
    method: str, format: object, coordinates: object, output_size: object, sampling_ratio: object, levels: Any
) -> dict[str, object]:
    names = [levels] if isinstance(levels, str) else None if levels is None else list(levels)
    return {
        "method": method,
        "format": format,
        "coordinates": coordinates,
        "output_size": list(output_size) if isinstance(output_size, tuple) else output_size,
        "sampling_ratio": sampling_ratio,
        "levels": names,
    }


def progress_bar(started: batches.BatchStarted) -> Any:
    from tqdm.auto import tqdm

    return tqdm(total=started.total, desc=f"batch {started.id}", unit="image")
