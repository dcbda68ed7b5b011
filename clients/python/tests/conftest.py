"""A real Cairn on a Redis of its own, for all tests."""

import os
import re
import subprocess
import threading
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from cairn_client import Cairn

ROOT = Path(os.environ.get("CAIRN_ROOT", Path(__file__).parents[3]))
IMAGES = ROOT / "test" / "fixtures" / "images"
PHOTO = IMAGES / "astronaut.jpg"
OPTIONS = dict(model="mask-rcnn-resnet18", size=128, levels=["C3", "C5", "P2"])
NODE = os.environ.get("NODE", "node")
START_SECONDS = 120


@contextmanager
def program(arguments, pattern, **environment):
    """Gives what the first line that matches says."""
    process = subprocess.Popen(
        [NODE, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    overdue = threading.Timer(START_SECONDS, process.kill)
    overdue.start()
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if found := re.search(pattern, line):
                break
        else:
            raise RuntimeError(f"it did not start: {''.join(said)[-800:]}")
        overdue.cancel()
        # A full pipe would stop it.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield found[1]
    finally:
        overdue.cancel()
        process.stdin.close()
        process.terminate()
        process.wait()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The address of the service."""
    main = ROOT / "dist" / "src" / "main.js"
    if not main.exists():
        pytest.skip("Cairn is not built: npm run build")
    with ExitStack() as stack:
        redis = stack.enter_context(program([ROOT / "scripts" / "serve-redis.mjs"], r"(redis://\S+)"))
        environment = dict(ROLE="all", PORT="0", HOST="127.0.0.1", REDIS_URL=redis, NO_COLOR="1")
        environment |= dict(CAIRN_DATA_DIR=str(tmp_path_factory.mktemp("data")), CAIRN_URL_ALLOW="127.0.0.1")
        environment |= dict(CAIRN_DEVICE="cpu", CAIRN_WEIGHTS_DIR=str(tmp_path_factory.mktemp("weights")))
        yield stack.enter_context(program([main], r"listening on (\S+)", **environment))


@pytest.fixture
def cairn(server):
    with Cairn(server) as client:
        yield client
