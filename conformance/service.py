"""Starts the real service: an API alone, or all of it on a Redis of its own."""

import os
import re
import subprocess
import threading
from contextlib import contextmanager

from paths import ROOT

MAIN = ROOT / "dist" / "src" / "main.js"
SERVE_REDIS = ROOT / "scripts" / "serve-redis.mjs"
NODE = os.environ.get("NODE", "node")
START_SECONDS = 60


@contextmanager
def service(role, data, redis, **settings):
    """Gives the address at which `role` ("api" or "all") listens; ends it afterwards."""
    environment = {"ROLE": role, "PORT": "0", "HOST": "127.0.0.1", "REDIS_URL": redis, "NO_COLOR": "1"}
    server = subprocess.Popen(
        [NODE, str(MAIN)],
        cwd=ROOT,
        env=os.environ | environment | {"CAIRN_DATA_DIR": str(data)} | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield told_by(server, r"listening on (\S+)")
    finally:
        server.terminate()
        server.wait()


@contextmanager
def private_redis():
    """Gives the URL of a Redis that only we use. It ends with us, however we end."""
    keeper = subprocess.Popen(
        [NODE, str(SERVE_REDIS)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield told_by(keeper, r"(redis://\S+)")
    finally:
        keeper.stdin.close()
        keeper.wait()


def told_by(process, pattern):
    """Waits for the line in which a process tells where it listens; one that hangs is ended."""
    overdue = threading.Timer(START_SECONDS, process.kill)
    overdue.start()
    said = []
    for line in process.stdout:
        said.append(line)
        if found := re.search(pattern, line):
            overdue.cancel()
            # Nobody waits for what it says later, but a full pipe would stop it.
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return found[1]
    overdue.cancel()
    raise RuntimeError(f"it did not start: {''.join(said)[-800:]}")
