"""PyTorch behind FastAPI: `POST /pyramids/NAME` with an image as its body writes the pyramid to FOLDER/NAME.

    python fastapi_peer.py WEIGHTS.safetensors SIDE eager|compiled|bfloat16 FOLDER PORT
"""

import io
import sys
from pathlib import Path
from threading import Lock
from typing import Annotated

import uvicorn
from fastapi import Body, FastAPI
from protocol import finish
from pyramid import write_pyramid
from pytorch import AXES, Pyramids

weights, side, mode, folder, port = sys.argv[1], int(sys.argv[2]), sys.argv[3], Path(sys.argv[4]), int(sys.argv[5])
pyramids = Pyramids(weights, side, mode)
network = Lock()
"""One image has all cores; meanwhile others are decoded and written."""

app = FastAPI()


@app.post("/pyramids/{name}")
def make_pyramid(name: str, image: Annotated[bytes, Body(media_type="image/jpeg")]):
    batch = pyramids.load(io.BytesIO(image))
    with network:
        levels = pyramids.compute(batch)
    finish(write_pyramid(folder / name, levels, AXES))
    return {"name": name, "levels": {level: values.shape for level, values in levels.items()}}


uvicorn.run(app, port=port, log_level="warning")
