"""The Open Inference Protocol over gRPC, with stubs that grpcio-tools makes of the public protocol, against REST."""

import importlib
import json
import socket
import subprocess
import sys
from contextlib import ExitStack
from urllib.request import Request, urlopen

import numpy as np

from compare import same_bits
from paths import ROOT
from service import private_redis, service

MODEL = "mask-rcnn-resnet18"
SIDE = 256
LEVELS = ("P2", "P3", "P6", "C5")
PROTO = ROOT / "proto"


def check_grpc(results, scratch):
    case = "grpc"
    if not results.wants(case):
        return
    with results.case(case), scratch.folder() as folder, ExitStack() as stack:
        import grpc

        messages, stubs = compile_protocol(folder)
        port = unused_port()
        redis = stack.enter_context(private_redis())
        settings = dict(CAIRN_GRPC_PORT=str(port), CAIRN_WEIGHTS_DIR=str(folder / "weights"), CAIRN_DEVICE="cpu")
        address = stack.enter_context(service("all", folder / "data", redis, **settings))
        options = [("grpc.max_receive_message_length", -1)]
        channel = stack.enter_context(grpc.insecure_channel(f"127.0.0.1:{port}", options=options))
        stub = stubs.GRPCInferenceServiceStub(channel)
        _, pixels = scratch.photo(SIDE)
        batch = np.stack([pixels, pixels[:, ::-1]])

        results.check(f"{case} live", stub.ServerLive(messages.ServerLiveRequest()).live)
        metadata = stub.ModelMetadata(messages.ModelMetadataRequest(name=MODEL))
        names = {output.name for output in metadata.outputs}
        results.check(f"{case} metadata", set(LEVELS) < names and metadata.inputs[0].name == "image", str(names))

        expected = by_rest(address, batch)
        question = request_of(messages, batch)
        whole = arrays_of(stub.ModelInfer(question))
        check_arrays(results, f"{case} one message", whole, expected)
        streamed, finals = {}, []
        for answer in stub.ModelStreamInfer(iter([question])):
            if answer.error_message:
                raise RuntimeError(answer.error_message)
            streamed |= arrays_of(answer.infer_response)
            finals.append(answer.infer_response.parameters["triton_final_response"].bool_param)
        check_arrays(results, f"{case} a message per level", streamed, expected)
        results.check(f"{case} the last message is marked", finals == [False] * (len(LEVELS) - 1) + [True], str(finals))
        try:
            stub.ModelInfer(messages.ModelInferRequest(model_name="resnet"))
            results.check(f"{case} refuses an unknown model", False)
        except grpc.RpcError as error:
            told = dict(error.trailing_metadata())
            good = error.code() is grpc.StatusCode.NOT_FOUND and told.get("cairn-code") == "model-not-found"
            results.check(f"{case} refuses an unknown model", good, str(error.code()))


def compile_protocol(folder):
    """The modules of the messages and of the stubs."""
    # The name becomes that of a module.
    (folder / "open_inference.proto").write_bytes((PROTO / "open-inference.proto").read_bytes())
    arguments = [f"-I{folder}", f"--python_out={folder}", f"--grpc_python_out={folder}", "open_inference.proto"]
    # In a process of its own: the compiler crashes beside TensorFlow, which brings another protobuf.
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", *arguments], check=True)
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("open_inference_pb2"), importlib.import_module("open_inference_pb2_grpc")
    finally:
        sys.path.remove(str(folder))


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def request_of(messages, batch):
    request = messages.ModelInferRequest(model_name=MODEL, id="mine", raw_input_contents=[batch.tobytes()])
    request.parameters["size"].int64_param = SIDE
    image = request.inputs.add(name="image", datatype="UINT8")
    image.shape.extend(batch.shape)
    for name in LEVELS:
        request.outputs.add(name=name)
    return request


def arrays_of(response):
    return {
        output.name: np.frombuffer(raw, np.float32).reshape(output.shape)
        for output, raw in zip(response.outputs, response.raw_output_contents, strict=True)
    }


def by_rest(address, batch):
    image = {"name": "image", "datatype": "UINT8", "shape": batch.shape, "parameters": {"binary_data_size": batch.nbytes}}
    question = {"inputs": [image], "outputs": [{"name": name} for name in LEVELS]}
    question["parameters"] = {"size": SIDE, "binary_data_output": True}
    text = json.dumps(question).encode()
    headers = {"Inference-Header-Content-Length": str(len(text))}
    with urlopen(Request(f"{address}/v2/models/{MODEL}/infer", text + batch.tobytes(), headers)) as answer:
        length = int(answer.headers["Inference-Header-Content-Length"])
        told, at, arrays = json.loads(answer.read(length)), 0, {}
        data = answer.read()
    for output in told["outputs"]:
        size = output["parameters"]["binary_data_size"]
        arrays[output["name"]] = np.frombuffer(data[at : at + size], np.float32).reshape(output["shape"])
        at += size
    return arrays


def check_arrays(results, case, ours, expected):
    same = list(ours) == list(expected) and all(same_bits(ours[name], expected[name]) for name in expected)
    results.check(f"{case} gives the bits of REST", same, " ".join(ours))
