import numpy as np
import pytest
from cairn_client.slicing import LevelInfo, cut
from conftest import OPTIONS, PHOTO

INDICES = [
    np.s_[:],
    np.s_[3],
    np.s_[-1],
    np.s_[2:9, 5:6],
    np.s_[..., 7],
    np.s_[4:20:3, ::-2, 1:100:7],
    np.s_[-5:, -3, ::-1],
    np.s_[9:2],
    np.s_[1, 2, 3],
]


@pytest.mark.parametrize("layout", ["nhwc", "nchw"])
def test_a_slice_of_a_level_is_that_of_the_whole(cairn, layout):
    whole = cairn.extract(PHOTO, **OPTIONS, layout=layout)
    features = cairn.features(whole.features_id)
    assert list(features) == ["C3", "C5", "P2"] and len(features) == 3
    for name in ("P2", "C5"):
        level = features[name]
        assert (level.shape, level.dtype) == (whole[name].shape, whole[name].dtype)
        assert np.array_equal(np.asarray(level), whole[name])
    for index in INDICES:
        found = features["P2"][index]
        assert found.dtype == np.float16
        assert np.array_equal(found, whole["P2"][index]), index


def test_only_the_rows_and_columns_that_are_wanted_are_asked_for():
    info = LevelInfo("P3", (128, 128, 256), np.dtype("<f2"), 8, "nhwc", 1024, None)
    assert cut(info, np.s_[10:20, 5]).query == {"levels": "P3", "window": [80, 40, 160, 48]}
    assert cut(info, np.s_[:, 3:3]).query is None
    first = LevelInfo("P3", (256, 128, 128), np.dtype("<f2"), 8, "nchw", 1024, None)
    assert cut(first, np.s_[7, 10:20, 5]).query == {"levels": "P3", "window": [80, 40, 160, 48]}
    # A map whose last step reaches beyond the canvas.
    odd = LevelInfo("C5", (5, 5, 512), np.dtype("<f2"), 32, "nhwc", 130, None)
    assert cut(odd, np.s_[4]).query == {"levels": "C5", "window": [128, 0, 130, 130]}


@pytest.mark.parametrize("index", [128, np.s_[0, 0, 0, 0], np.s_[..., ...], [1, 2], None])
def test_what_cannot_be_a_window_is_refused(index):
    info = LevelInfo("P3", (128, 128, 256), np.dtype("<f2"), 8, "nhwc", 1024, None)
    with pytest.raises(IndexError):
        cut(info, index)
