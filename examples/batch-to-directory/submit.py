"""Submits a folder of images, or a manifest, as one batch. Safe to repeat: images on the server are not sent again."""

import hashlib
import json

from files import whole_file
from server import Refused

IMAGES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".avif"}
MANIFEST = "manifest.ndjson"
REFUSED = "refused.ndjson"


def submit(server, source, out, options):
    """Returns the batch's id. `source` is a folder, or a file with one line of JSON per image (docs/batches.md)."""
    manifest = source
    if source.is_dir():
        manifest = out / MANIFEST
        write_manifest(server, source, manifest, out / REFUSED)
    digest = hashlib.sha256(options.encode())
    with open(manifest, "rb") as body:
        for block in iter(lambda: body.read(1 << 20), b""):
            digest.update(block)
        body.seek(0)
        # The same request gives the same batch, in case the response to the first was lost.
        headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": digest.hexdigest()}
        headers["Content-Length"] = str(manifest.stat().st_size)
        return server.call(f"/v1/batches?{options}", body=body, headers=headers)["id"]


def write_manifest(server, folder, manifest, refused):
    """Uploads the images that the server does not have, and writes a manifest that names all of them by digest."""
    with whole_file(manifest) as lines, whole_file(refused) as wrong:
        for path in sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGES):
            data = path.read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            name = path.relative_to(folder).as_posix()
            try:
                if not server.has(f"/v1/images/{digest}"):
                    server.call("/v1/images", body=data, headers={"Content-Type": "application/octet-stream"})
                write_line(lines, {"source": {"sha256": digest}, "name": name})
            except Refused as error:
                write_line(wrong, {"name": name, "error": str(error)})


def write_line(file, value):
    file.write(json.dumps(value).encode() + b"\n")
