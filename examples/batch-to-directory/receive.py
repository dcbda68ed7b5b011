"""Writes the feature sets of a batch into a folder as they complete, and can resume."""

import json
import re
import shutil
import sys
import tarfile
import time
from http.client import HTTPException
from urllib.parse import urlencode

from files import whole_file, write_whole

PAUSE_SECONDS = 2
MEMBER = re.compile(r"\d{8,}\.(json|safetensors)")
MAX_JSON_BYTES = 1 << 20


class Receiver:
    """Receives one batch. `state` is the file that holds the cursor: the set after which to resume."""

    def __init__(self, server, batch, out, levels, state):
        self._server = server
        self._path = f"/v1/batches/{batch}"
        self._out = out
        self._levels = levels
        self._state = state
        self._batch = batch

    def receive(self):
        """Returns when every completed line of the batch is in the folder."""
        while True:
            try:
                # Requested before the stream, which has every line that had completed by then.
                finished = "finishedAt" in self._server.call(self._path)
                # A stream that was cut between two sets looks complete; an empty one after the end is complete.
                if self._receive_stream() == 0 and finished:
                    return
            except (OSError, HTTPException, tarfile.TarError) as error:
                print(f"asking again: {error}", file=sys.stderr, flush=True)
                time.sleep(PAUSE_SECONDS)

    def keep_failures(self, path):
        """Writes the failed lines with their errors, one JSON object per line."""
        source = f"{self._path}/results?state=failed"
        with self._server.open(source, headers={"Accept": "application/x-ndjson"}) as lines, whole_file(path) as file:
            shutil.copyfileobj(lines, file)

    def _receive_stream(self):
        """Reads one response to its end; returns how many sets it had."""
        after = json.loads(self._state.read_text()).get("after")
        query = urlencode({name: value for name, value in (("after", after), ("levels", self._levels)) if value})
        received = 0
        about = None
        with self._server.open(f"{self._path}/features?{query}") as answer:
            with tarfile.open(fileobj=answer, mode="r|") as tar:
                for member in tar:
                    if not MEMBER.fullmatch(member.name):
                        raise tarfile.TarError(f"a member that does not belong here: {member.name!r}")
                    content = tar.extractfile(member)
                    if member.name.endswith(".json"):
                        about = content.read(MAX_JSON_BYTES)
                        if "error" not in json.loads(about):
                            continue
                        self._finish(member.name.replace(".json", ".error.json"), about)
                    else:
                        with whole_file(self._out / member.name) as file:
                            shutil.copyfileobj(content, file)
                            # extractfile does not report a member that was cut short.
                            if file.tell() != member.size:
                                raise tarfile.TarError(f"{member.name} ended early")
                        self._finish(member.name.replace(".safetensors", ".json"), about)
                    received += 1
        return received

    def _finish(self, name, about):
        """Writes the JSON last, so a set that has one is complete; then the cursor may advance."""
        write_whole(self._out / name, about)
        write_whole(self._state, json.dumps({"batch": self._batch, "after": json.loads(about)["cursor"]}).encode())
        print(name, flush=True)
