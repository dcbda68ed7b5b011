import asyncio
import shutil

import numpy as np
import pytest
from cairn_client import AsyncCairn, Cairn
from cairn_client.tar import TarReader
from conftest import IMAGES, OPTIONS
from relay import relay_to

GOOD = ("astronaut.jpg", "landscape.jpg", "portrait.png", "square-128.png")


@pytest.fixture
def folder(tmp_path):
    for name in (*GOOD, "truncated.jpg", "not-an-image.jpg"):
        shutil.copy(IMAGES / name, tmp_path)
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def test_a_folder_gives_every_image_once_and_the_bad_ones_last(cairn, folder, capsys):
    sets = list(cairn.batch(folder, progress=True, **OPTIONS))
    assert "6/6" in capsys.readouterr().err
    assert sorted(found.name for found in sets) == sorted([*GOOD, "truncated.jpg", "not-an-image.jpg"])
    assert [found.error is None for found in sets] == [True] * 4 + [False] * 2
    errors = {found.name: found.error.code for found in sets if found.error}
    assert errors == {"truncated.jpg": "image-corrupt", "not-an-image.jpg": "image-unsupported"}
    for found in sets[:4]:
        alone = cairn.extract(folder / found.name, **OPTIONS)
        assert found.features_id == alone.features_id
        assert all(np.array_equal(found.levels[name], alone[name]) for name in alone)
        assert found.description["model"] == OPTIONS["model"]


def test_a_batch_goes_on_after_a_cursor_and_over_lost_connections(server, folder):
    images = [(name, folder / name) for name in GOOD]
    options = OPTIONS | dict(levels=["C3", "C4"])
    with relay_to(server) as relay, Cairn(relay.url) as client:
        iterator = client.batch(images, **options)
        first = next(iterator)
        iterator.close()
        # Within the first set, and within the second.
        relay.cuts = [60_000, 200_000]
        rest = list(client.batch(images, after=first.cursor, **options))
        assert relay.made >= 1
    assert sorted([first.name, *(found.name for found in rest)]) == sorted(GOOD)
    assert all(found.error is None for found in rest)


def test_the_same_batch_is_found_again(cairn, folder):
    images = [folder / name for name in GOOD]
    once, again = ([found.features_id for found in cairn.batch(images, **OPTIONS)] for _ in range(2))
    assert once == again
    # Arrays, and an iterable that is read once.
    arrays = (np.full((64, 64, 3), shade, np.uint8) for shade in (10, 200))
    assert sorted(found.name for found in cairn.batch(arrays, **OPTIONS)) == ["0", "1"]
    assert list(cairn.batch([], **OPTIONS)) == []


def test_the_asynchronous_batch(server, folder):
    async def names():
        async with AsyncCairn(server) as client:
            return [(found.name, found.error is None) async for found in client.batch(folder, **OPTIONS)]

    assert sorted(asyncio.run(names())) == sorted(
        [*((name, True) for name in GOOD), ("truncated.jpg", False), ("not-an-image.jpg", False)]
    )


def test_a_tar_is_read_however_it_is_cut(tmp_path):
    import io
    import tarfile

    members = {"a.json": b"{}", "a.bin": bytes(range(256)) * 5, "empty": b"", "b": b"x" * 512}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    archive = buffer.getvalue()
    for step in (1, 7, 511, 512, 513, len(archive)):
        reader, found = TarReader(), {}
        for at in range(0, len(archive), step):
            found |= {name: bytes(body) for name, body in reader.feed(archive[at : at + step])}
        assert found == members and reader.ended
    reader = TarReader()
    list(reader.feed(archive[:700]))
    assert not reader.ended
