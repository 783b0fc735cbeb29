#!/usr/bin/env python3
"""What ONNX Runtime computes with the four super-resolution networks of npm @upscalerjs/esrgan-slim.

    target/peers/bin/python tests/real_networks/esrgan_reference.py [DIR]

Reads model.json and its shards with code of its own, writes the graph as ONNX (values stay rows, columns, channels as in
Keras; every convolution is turned back and forth by Transpose) and runs it on a fixed picture. DIR, target/real_networks
if not given, gets esrgan-slim-xN.safetensors with the input and the value of every layer, both as channels, rows, columns.
"""
import json
import pathlib
import struct
import sys

import numpy
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

ROOT = pathlib.Path(__file__).resolve().parents[2]
SIZE = 24


def picture(channels):
    """A picture in [0, 1) that no turn or mirror leaves as it is, [1, SIZE, SIZE, channels]."""
    count = SIZE * SIZE * channels
    numbers = (numpy.arange(count, dtype=numpy.uint64) * 2654435761 + 12345) % 2**32
    noise = (numbers.astype(numpy.float64) / 2**32).reshape(1, SIZE, SIZE, channels)
    ramp = numpy.linspace(0, 1, SIZE)
    return (0.4 * noise + 0.4 * ramp[None, :, None, None] ** 2 + 0.2 * ramp[None, None, :, None]).astype(numpy.float32)


def weights(folder, manifest):
    """Every weight by name."""
    found = {}
    for group in manifest:
        data = b"".join((folder / path).read_bytes() for path in group["paths"])
        start = 0
        for weight in group["weights"]:
            assert weight["dtype"] == "float32" and "quantization" not in weight, weight
            count = int(numpy.prod(weight["shape"], dtype=numpy.int64))
            values = numpy.frombuffer(data, "<f4", count, start).reshape(weight["shape"])
            found[weight["name"]] = values
            start += 4 * count
        assert start == len(data), (start, len(data))
    return found


class Graph:
    """The ONNX graph of one model, layer by layer."""

    def __init__(self, weights):
        self.weights = weights
        self.nodes = []
        self.constants = []

    def constant(self, name, values):
        self.constants.append(numpy_helper.from_array(numpy.ascontiguousarray(values), name))
        return name

    def node(self, operation, inputs, output, **attributes):
        self.nodes.append(helper.make_node(operation, inputs, [output], **attributes))

    def conv(self, name, config, x):
        assert config["groups"] == 1 and config["data_format"] == "channels_last", config
        kernel = self.constant(name + "/k", self.weights[name + "/kernel"].transpose(3, 2, 0, 1))
        inputs = [name + "/nchw", kernel]
        if config["use_bias"]:
            inputs.append(self.constant(name + "/b", self.weights[name + "/bias"]))
        self.node("Transpose", [x], name + "/nchw", perm=[0, 3, 1, 2])
        pad = {"same": "SAME_UPPER", "valid": "VALID"}[config["padding"]]
        self.node(
            "Conv", inputs, name + "/conv", auto_pad=pad,
            strides=config["strides"], dilations=config["dilation_rate"],
        )
        assert config["activation"] == "linear", config
        self.node("Transpose", [name + "/conv"], name, perm=[0, 2, 3, 1])

    def layer(self, layer):
        name, config, kind = layer["name"], layer["config"], layer["class_name"]
        inputs = [reference[0] for node in layer["inbound_nodes"] for reference in node]
        if kind == "InputLayer":
            return
        if kind == "Conv2D":
            self.conv(name, config, inputs[0])
        elif kind == "Activation" and config["activation"] == "relu":
            self.node("Relu", inputs, name)
        elif kind == "Concatenate":
            self.node("Concat", inputs, name, axis=config["axis"])
        elif kind == "Add":
            self.node("Add", inputs, name)
        elif kind == "UpSampling2D" and config["interpolation"] == "nearest":
            scales = self.constant(name + "/s", numpy.array([1, *config["size"], 1], numpy.float32))
            self.node(
                "Resize", [*inputs, "", scales], name, mode="nearest",
                coordinate_transformation_mode="asymmetric", nearest_mode="floor",
            )
        else:
            raise SystemExit(f"layer {name} of class {kind} is not known here")


def run(model_json):
    """Input and the value of every layer, as channels, rows, columns."""
    file = json.loads(model_json.read_text())
    config = file["modelTopology"]["model_config"]["config"]
    graph = Graph(weights(model_json.parent, file["weightsManifest"]))
    for layer in config["layers"]:
        graph.layer(layer)
    (entry,) = [layer for layer in config["layers"] if layer["class_name"] == "InputLayer"]
    x = picture(entry["config"]["batch_input_shape"][3])
    names = [layer["name"] for layer in config["layers"] if layer is not entry]
    info = helper.make_tensor_value_info
    model = helper.make_model(
        helper.make_graph(
            graph.nodes, "esrgan",
            [info(entry["name"], TensorProto.FLOAT, x.shape)],
            [info(name, TensorProto.FLOAT, [None] * 4) for name in names],
            graph.constants,
        ),
        opset_imports=[helper.make_opsetid("", 17)],
        ir_version=8,
    )
    onnx.checker.check_model(model)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    values = session.run(names, {entry["name"]: x})
    tensors = {"layer:" + name: value for name, value in zip(names, values)}
    tensors["input"] = x
    return {name: value.transpose(0, 3, 1, 2) for name, value in tensors.items()}


def write(path, tensors):
    """Safetensors: the length of the header, the header, the data."""
    header, start, data = {}, 0, []
    for name, value in sorted(tensors.items()):
        data.append(numpy.ascontiguousarray(value, "<f4").tobytes())
        end = start + len(data[-1])
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [start, end]}
        start = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))


def main():
    folder = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "target" / "real_networks"
    for scale in ("x2", "x3", "x4", "x8"):
        write(folder / f"esrgan-slim-{scale}.safetensors", run(folder / "esrgan-slim" / "models" / scale / "model.json"))
        print(f"esrgan-slim {scale}: written")


if __name__ == "__main__":
    main()
