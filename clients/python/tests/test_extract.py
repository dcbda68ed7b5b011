import asyncio
import io
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from cairn_client import AsyncCairn, Cairn, CairnError
from conftest import IMAGES, OPTIONS, PHOTO
from PIL import Image


def same(a, b):
    return list(a) == list(b) and all(np.array_equal(a[name], b[name]) for name in a)


def test_levels_are_arrays_that_say_how_they_were_made(cairn):
    levels = cairn.extract(PHOTO, **OPTIONS)
    assert {name: (array.shape, array.dtype) for name, array in levels.items()} == {
        "C3": ((16, 16, 128), np.float16),
        "C5": ((4, 4, 512), np.float16),
        "P2": ((32, 32, 256), np.float16),
    }
    assert levels.strides == {"C3": 8, "C5": 32, "P2": 4}
    assert levels.metadata["model"] == OPTIONS["model"]
    assert len(levels.features_id) == 64
    assert same(levels, cairn.levels(levels.features_id))
    assert list(cairn.levels(levels.features_id, ["C5"], as_="float32")) == ["C5"]


def test_an_image_comes_in_every_form(cairn, server):
    expected = cairn.extract(PHOTO, **OPTIONS)
    assert same(cairn.extract(str(PHOTO), **OPTIONS), expected)
    assert same(cairn.extract(PHOTO.read_bytes(), **OPTIONS), expected)
    assert same(cairn.extract(io.BytesIO(PHOTO.read_bytes()).getbuffer(), **OPTIONS), expected)

    class Quiet(SimpleHTTPRequestHandler):
        def __init__(self, *arguments):
            super().__init__(*arguments, directory=IMAGES)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        assert same(cairn.extract(f"http://127.0.0.1:{site.server_port}/astronaut.jpg", **OPTIONS), expected)
        site.shutdown()

    pixels = np.asarray(Image.open(IMAGES / "square-128.png").convert("RGB"))
    lossless = cairn.extract(IMAGES / "square-128.png", **OPTIONS)
    assert same(cairn.extract(pixels, **OPTIONS), lossless)
    # Turned by its EXIF orientation, as the server turns the file.
    turned = IMAGES / "grey-exif6.jpg"
    with Image.open(turned) as image:
        upright = cairn.extract(image, **OPTIONS)
    assert upright.metadata["originalShape"] == cairn.extract(turned, **OPTIONS).metadata["originalShape"]


def test_pixels_have_the_features_of_the_inference_protocol(cairn, server):
    import httpx

    pixels = np.asarray(Image.open(IMAGES / "square-128.png").convert("RGB"))
    ours = cairn.extract(pixels, model=OPTIONS["model"], size=128, levels="C5", dtype="float32")
    question = {
        "inputs": [{"name": "image", "datatype": "UINT8", "shape": [1, *pixels.shape], "data": pixels.ravel().tolist()}],
        "outputs": [{"name": "C5"}],
        "parameters": {"size": 128},
    }
    answer = httpx.post(f"{server}/v2/models/{OPTIONS['model']}/infer", json=question, timeout=60).json()
    assert answer["parameters"]["features"] == ours.features_id


def test_uint8_is_integers_with_their_scale_or_decoded(cairn):
    levels = cairn.extract(PHOTO, **OPTIONS, dtype="uint8")
    assert levels["P2"].dtype == np.uint8
    decoded = cairn.extract(PHOTO, **OPTIONS, dtype="uint8", as_="float32")
    scale, zero = (np.float32(levels.quantization["P2"][key]) for key in ("scale", "zeroPoint"))
    np.testing.assert_allclose(scale * (levels["P2"] - zero), decoded["P2"], rtol=1e-6)


def test_errors_have_the_code_of_the_server(cairn):
    with pytest.raises(CairnError) as refused:
        cairn.extract(IMAGES / "not-an-image.jpg", **OPTIONS)
    assert (refused.value.code, refused.value.status) == ("image-unsupported", 415)
    with pytest.raises(CairnError, match="mask-rcnn-resnet18"):
        cairn.extract(PHOTO, model="mask-rcnn-resnet16")
    with pytest.raises(CairnError) as missing:
        cairn.extract(IMAGES / "nowhere.jpg")
    assert missing.value.code == "image-unreadable"
    with pytest.raises(TypeError, match="uint8"):
        cairn.extract(np.zeros((8, 8, 3), np.float32))


def test_a_server_that_is_away_is_asked_again_for_as_long_as_wanted():
    with Cairn("http://127.0.0.1:9", retry_for=0) as client, pytest.raises(CairnError) as away:
        client.models()
    assert away.value.code == "server-unreachable"


def test_a_job_is_submitted_followed_and_too_late_to_cancel(cairn):
    seen = []
    job = cairn.submit(PHOTO, **OPTIONS | dict(levels="C4"))
    done = cairn.wait(job, on_progress=lambda found: seen.append(found.state))
    assert done.state == "completed" and seen[-1] == "completed"
    assert done.features_id == job.features_id == cairn.job(job).features_id
    with pytest.raises(CairnError) as late:
        cairn.cancel(job)
    assert (late.value.code, late.value.status) == ("job-finished", 409)


def test_a_job_that_fails_raises_its_code(cairn):
    job = cairn.submit(IMAGES / "truncated.jpg", **OPTIONS)
    with pytest.raises(CairnError) as failed:
        cairn.wait(job)
    assert (failed.value.code, failed.value.status) == ("image-corrupt", None)


def test_regions_of_boxes(cairn):
    features = cairn.extract(PHOTO, **OPTIONS).features_id
    boxes = np.array([[10.0, 20, 60, 90], [0, 0, 128, 128]])
    regions = cairn.roi_align(features, boxes, method="torchvision", output_size=(7, 5), levels="P2")
    assert regions.regions.shape == (2, 7, 5, 256) and regions.regions.dtype == np.float32
    assert regions.levels.tolist() == [2, 2]


def test_the_asynchronous_client_gives_the_same(server, cairn):
    async def ask():
        async with AsyncCairn(server) as client:
            first, second = await asyncio.gather(
                client.extract(PHOTO, **OPTIONS), client.extract(IMAGES / "landscape.jpg", **OPTIONS)
            )
            job = await client.wait(await client.submit(PHOTO, **OPTIONS))
            features = await client.features(first.features_id)
            part = await features["P2"][4:8, ..., 3]
            with pytest.raises(CairnError) as refused:
                await client.extract(IMAGES / "not-an-image.jpg", **OPTIONS)
            return first, second, job, part, refused.value.code

    first, second, job, part, code = asyncio.run(ask())
    assert same(first, cairn.extract(PHOTO, **OPTIONS))
    assert not same(first, second)
    assert (job.features_id, code) == (first.features_id, "image-unsupported")
    assert np.array_equal(part, first["P2"][4:8, ..., 3])
