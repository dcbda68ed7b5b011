import numpy as np
import pytest
from conftest import IMAGES, OPTIONS

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


def test_a_dataset_gives_tensors_also_through_workers(cairn, server):
    from cairn_client.torch import CairnDataset

    images = [IMAGES / name for name in ("astronaut.jpg", "landscape.jpg", "portrait.png")]
    options = OPTIONS | dict(levels="C5")
    dataset = CairnDataset([*images, IMAGES / "truncated.jpg"], url=server, skip_failed=True, **options)
    for workers in (0, 2):
        loader = torch.utils.data.DataLoader(dataset, batch_size=None, num_workers=workers)
        found = {entry["name"]: entry["C5"] for entry in loader}
        assert sorted(found) == sorted(map(str, images))
        for image in images:
            expected = cairn.extract(image, **options, as_="float32")["C5"]
            assert np.array_equal(found[str(image)].numpy(), expected)
