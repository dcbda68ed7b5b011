import asyncio
import threading
import time
import uuid

import httpx
import numpy as np
import pytest
from cairn_client import AsyncCairn, Cairn, CairnError
from conftest import OPTIONS


def fresh_image():
    """No earlier test has submitted it: the store cannot answer."""
    return np.random.default_rng().integers(0, 256, (64, 64, 3), np.uint8)


@pytest.fixture
def group():
    return f"test-{uuid.uuid4()}"


def test_a_subscriber_hears_of_every_set(cairn):
    position = next(position_of(cairn))
    jobs = [cairn.submit(fresh_image(), **OPTIONS) for _ in range(2)]
    heard = []
    for announcement in cairn.stream(after=position, model=OPTIONS["model"]):
        heard.append(announcement.features_id)
        if {job.features_id for job in jobs} <= set(heard):
            break
    assert cairn.levels(heard[0])


def position_of(cairn):
    """The id of the newest announcement, after one that we cause."""
    job = cairn.wait(cairn.submit(fresh_image(), **OPTIONS))
    for announcement in cairn.stream(after="0"):
        if announcement.features_id == job.features_id:
            yield announcement.id


def test_a_group_gives_a_set_again_until_its_loop_has_gone_on(cairn, group):
    start = next(position_of(cairn))
    jobs = [cairn.submit(fresh_image(), **OPTIONS) for _ in range(2)]
    member = dict(group=group, consumer="one", begin=start)
    with pytest.raises(ZeroDivisionError):
        for announcement in cairn.stream(**member):
            raise ZeroDivisionError
    deliveries = []
    for announcement in cairn.stream(**member):
        deliveries.append((announcement.features_id, announcement.delivery))
        if len(deliveries) == 2:
            break
    assert {features for features, _ in deliveries} == {job.features_id for job in jobs}
    assert deliveries[0][1] == 2
    # The second was left by `break`: it is not acknowledged, the first is.
    assert cairn.acknowledge(group, announcement) == 1


class Counting(httpx.HTTPTransport):
    def __init__(self):
        super().__init__()
        self.extensions = 0

    def handle_request(self, request):
        self.extensions += request.url.path.endswith("/extend")
        return super().handle_request(request)


def test_the_set_in_work_is_extended_in_the_background(server, cairn, group):
    start = next(position_of(cairn))
    cairn.submit(fresh_image(), **OPTIONS)
    transport = Counting()
    with Cairn(server, transport=transport) as client:
        for _ in client.stream(group=group, consumer="one", begin=start, redeliver_after=0.6):
            while transport.extensions < 2:
                time.sleep(0.05)
            break
    assert not any(thread.name == "cairn-extend" for thread in threading.enumerate())


def test_a_second_consumer_of_a_name_supersedes_the_first(server, cairn, group):
    start = next(position_of(cairn))
    cairn.submit(fresh_image(), **OPTIONS)
    first = cairn.stream(group=group, consumer="one", begin=start)
    next(first)
    with Cairn(server) as other:
        second = other.stream(group=group, consumer="one")
        assert next(second).delivery >= 2
        with pytest.raises(CairnError) as over:
            next(first)
        assert over.value.code == "superseded"
        second.close()


def test_the_asynchronous_stream(server, cairn, group):
    start = next(position_of(cairn))
    jobs = [cairn.submit(fresh_image(), **OPTIONS) for _ in range(2)]

    async def listen():
        heard = []
        async with AsyncCairn(server) as client:
            async for announcement in client.stream(group=group, begin=start):
                heard.append(announcement.features_id)
                if len(heard) == 2:
                    return heard, await client.acknowledge(group, announcement)

    heard, count = asyncio.run(listen())
    assert set(heard) == {job.features_id for job in jobs}
    assert count == 1


def test_a_stream_that_is_refused_has_the_code_of_the_server(server, cairn):
    with pytest.raises(CairnError) as refused:
        next(cairn.stream(group="no such name!", consumer="one"))
    assert refused.value.status == 400

    async def listen():
        async with AsyncCairn(server) as client:
            await anext(client.stream(group="no such name!", consumer="one"))

    with pytest.raises(CairnError, match=refused.value.code):
        asyncio.run(listen())
