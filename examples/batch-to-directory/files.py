"""Files that are complete or absent, even if the program or the machine dies."""

import os
from contextlib import contextmanager


@contextmanager
def whole_file(path):
    """An open binary file that gets its name only once it is complete and flushed to the disk."""
    part = path.with_name(f"{path.name}.part")
    with open(part, "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, path)


def write_whole(path, data):
    with whole_file(path) as file:
        file.write(data)
