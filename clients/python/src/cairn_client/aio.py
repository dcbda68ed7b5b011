"""The asynchronous client: the same methods as `Cairn`, to be awaited or iterated by `async for`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, aclosing, suppress
from typing import Any, Literal, Self, Unpack

import httpx
from httpx_sse import EventSource, SSEError

from . import batches, protocol, streams
from .client import As, id_of, listed, progress_bar, roi_options
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


class AsyncCairn:
    """As `Cairn`, for asyncio. Close it, or use it in an `async with` statement. Iterators that are left early should be closed
    (`contextlib.aclosing`), as those of any asynchronous generator."""

    def __init__(
        self,
        url: str | None = None,
        *,
        api_key: str | None = None,
        timeout: float = 300.0,
        retry_for: float = 60.0,
        concurrency: int = 4,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._http = httpx.AsyncClient(**settings(url, api_key, timeout), transport=transport)
        self._limit = retry_for
        self._concurrency = concurrency

    async def close(self) -> None:
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def extract(
        self, image: Image, *, as_: As = None, order: str | None = None, **options: Unpack[Options]
    ) -> Levels:
        """As `Cairn.extract`."""
        levels: Levels = await self._run(protocol.extract(image, options, {"as": as_, "order": order}, self._limit))
        return levels

    async def submit(self, image: Image, **options: Unpack[Options]) -> Job:
        """As `Cairn.submit`."""
        job: Job = await self._run(protocol.submit(image, options, self._limit))
        return job

    async def wait(self, job: Job | str, on_progress: Callable[[Job], object] | None = None) -> Job:
        """As `Cairn.wait`."""
        done: Job = await self._run(protocol.wait(id_of(job), on_progress, self._limit))
        return done

    async def job(self, job: Job | str) -> Job:
        """As `Cairn.job`."""
        found: Job = await self._run(protocol.job(id_of(job), self._limit))
        return found

    async def cancel(self, job: Job | str) -> Job:
        """As `Cairn.cancel`."""
        cancelled: Job = await self._run(protocol.job(id_of(job), self._limit, "DELETE"))
        return cancelled

    async def levels(
        self, features: str, levels: str | Iterable[str] | None = None, *, as_: As = None, order: str | None = None
    ) -> Levels:
        """As `Cairn.levels`."""
        query = {"levels": listed(levels), "as": as_, "order": order}
        found: Levels = await self._run(protocol.levels(features, query, self._limit))
        return found

    async def features(self, features: str) -> AsyncFeatureSet:
        """As `Cairn.features`: `await features["P3"][10:20]`."""
        described = await self._run(protocol.describe(f"/v1/features/{features}", self._limit))
        return AsyncFeatureSet(self, features, described)

    async def models(self) -> Any:
        """As `Cairn.models`."""
        return await self._run(protocol.describe("/v1/models", self._limit))

    async def roi_align(
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
        """As `Cairn.roi_align`."""
        options = roi_options(method, format, coordinates, output_size, sampling_ratio, levels)
        regions: Regions = await self._run(protocol.roi_align(features, boxes, options, self._limit))
        return regions

    async def batch(
        self,
        images: Any,
        *,
        after: str | None = None,
        new: bool = False,
        recursive: bool = False,
        progress: bool = False,
        as_: As = None,
        **options: Unpack[Options],
    ) -> AsyncGenerator[batches.BatchSet, None]:
        """As `Cairn.batch`."""
        steps = batches.batch(
            named_images(images, recursive),
            options,
            {"as": as_},
            after=after,
            new=new,
            concurrency=self._concurrency,
            limit=self._limit,
        )
        bar = None
        try:
            async with aclosing(self._each(steps)) as values:
                async for value in values:
                    if isinstance(value, batches.BatchStarted):
                        bar = progress_bar(value) if progress else None
                        continue
                    if bar is not None:
                        bar.update()
                    yield value
        finally:
            if bar is not None:
                bar.close()

    async def stream(
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
    ) -> AsyncGenerator[Announcement, None]:
        """As `Cairn.stream`."""
        member = group_of(group, consumer, prefetch, redeliver_after, begin)
        filters = filters_of(listed(model), listed(batch))
        steps = streams.stream(filters, member, after=after, acknowledge=acknowledge, limit=self._limit)
        async with aclosing(self._each(steps)) as announcements:
            async for announcement in announcements:
                extending = asyncio.create_task(self._extend(member, announcement.id)) if member else None
                try:
                    yield announcement
                finally:
                    if extending is not None:
                        extending.cancel()
                        with suppress(asyncio.CancelledError):
                            await extending

    async def acknowledge(self, group: str, announcement: Announcement | str) -> int:
        """As `Cairn.acknowledge`."""
        event = announcement if isinstance(announcement, str) else announcement.id
        count: int = await self._run(streams.acknowledged(group, [event], self._limit))
        return count

    async def _extend(self, group: Group, event: str) -> None:
        while True:
            await asyncio.sleep(group.redeliver_after / EXTENSIONS_PER_TERM)
            try:
                await self._run(streams.extended(group, [event], 0))
            except Exception as error:
                # The set may be delivered again: that is what the time limit is for.
                streams.log.info("%s was not extended: %s", event, error)

    async def _run(self, steps: Steps) -> Any:
        async with AsyncExitStack() as stack:
            try:
                effect = next(steps)
                while True:
                    effect = await self._step(steps, effect, stack)
            except _Done as done:
                return done.value
            except StopIteration as done:
                return done.value

    async def _each(self, steps: Steps) -> AsyncGenerator[Any, None]:
        async with AsyncExitStack() as stack:
            try:
                effect = next(steps)
                while True:
                    if isinstance(effect, Emit):
                        yield effect.value
                        effect = steps.send(None)
                    else:
                        effect = await self._step(steps, effect, stack)
            except (_Done, StopIteration):
                return

    async def _step(self, steps: Steps, effect: Any, stack: AsyncExitStack) -> Any:
        try:
            try:
                result = await self._perform(effect, stack)
            except httpx.TransportError as error:
                return steps.throw(unreachable(error))
            except Exception as error:
                return steps.throw(error)
            return steps.send(result)
        except StopIteration as done:
            # It may not leave a coroutine.
            raise _Done(done.value) from None

    async def _perform(self, effect: Any, stack: AsyncExitStack) -> Any:
        match effect:
            case Send(call):
                return await self._send(call)
            case Open(call, events):
                handle = await AsyncHandle.open(self._http, call, events)
                stack.push_async_callback(handle.close)
                return handle
            case Read(handle):
                return await handle.read()
            case Close(handle):
                return await handle.close()
            case Sleep(seconds):
                return await asyncio.sleep(seconds)
            case All(several, limit):
                turns = asyncio.Semaphore(limit)

                async def in_turn(steps: Steps) -> Any:
                    async with turns:
                        return await self._run(steps)

                return await asyncio.gather(*map(in_turn, several))

    async def _send(self, call: Call) -> Answer:
        return answer_of(await self._http.send(request_of(self._http, call)))


class _Done(Exception):
    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


class AsyncHandle:
    """An open response."""

    def __init__(self, response: httpx.Response, events: bool) -> None:
        self._response = response
        source = EventSource(response).aiter_sse() if events else response.aiter_raw()
        self._source: AsyncIterator[Any] = source.__aiter__()
        self._events = events

    @classmethod
    async def open(cls, http: httpx.AsyncClient, call: Call, events: bool) -> AsyncHandle:
        response = await http.send(request_of(http, call), stream=True)
        if response.status_code < 400:
            return cls(response, events)
        try:
            await response.aread()
        finally:
            await response.aclose()
        raise problem_of(response)

    async def read(self) -> bytes | Event | None:
        try:
            found = await anext(self._source, None)
        except SSEError as error:
            raise unreachable(error) from error
        return event_of(found) if self._events and found is not None else found

    async def close(self) -> None:
        await self._response.aclose()


class AsyncFeatureSet:
    """As `FeatureSet`: `await features["P3"][10:20, 5:9]`."""

    def __init__(self, client: AsyncCairn, features_id: str, description: dict[str, Any]) -> None:
        self.id = features_id
        self.description = description
        self._client = client
        self._levels = levels_of(description)

    def __getitem__(self, level: str) -> AsyncLevel:
        return AsyncLevel(self._client, self.id, self._levels[level])

    def __iter__(self) -> Iterator[str]:
        return iter(self._levels)

    def __len__(self) -> int:
        return len(self._levels)


class AsyncLevel:
    """A level on the server; slices of it are awaited."""

    def __init__(self, client: AsyncCairn, features_id: str, info: LevelInfo) -> None:
        self.info = info
        self._client = client
        self._features = features_id

    async def __getitem__(self, index: Index) -> Array:
        part = cut(self.info, index)
        if part.query is None:
            return part.apply(None, self.info)
        found = await self._client._run(protocol.levels(self._features, part.query, self._client._limit))
        return part.apply(found, self.info)
