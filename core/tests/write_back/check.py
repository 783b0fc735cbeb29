#!/usr/bin/env python3
"""Runs what Ganoscope wrote in ONNX Runtime and PyTorch and compares with the outputs that it computed itself.

    check.py FOLDER

FOLDER has NAME.onnx with NAME.io (tensors in.INPUT and out.INDEX), and NAME.safetensors (a state dict, its keys behind
"module.") with NAME.weights_io (in.input and out.OUTPUT). Prints the largest differences; the exit code is 1 when one is above 1e-4.
"""
import json
import pathlib
import struct
import sys

import numpy as np
import onnx
import onnxruntime
import torch
from torch import nn

TOLERANCE = 1e-4


def tensors(path):
    """The f32 tensors of a safetensors file."""
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    body = data[8 + length :]
    return {
        name: np.frombuffer(body[slice(*entry["data_offsets"])], np.float32).reshape(entry["shape"])
        for name, entry in header.items()
    }


def difference(got, expected):
    """Largest difference, over the largest value where that is above 1."""
    if got.shape != expected.shape:
        return float("inf")
    return float(np.abs(got - expected).max() / max(1.0, np.abs(expected).max()))


def run_onnx(path):
    """The largest difference of a model's outputs, for two samples at once and for the first alone."""
    onnx.checker.check_model(onnx.load(path), full_check=True)
    io = tensors(path.with_suffix(".io"))
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    worst = 0.0
    for count in (2, 1):
        feed = {key[3:]: value[:count] for key, value in io.items() if key.startswith("in.")}
        for i, value in enumerate(session.run(names, feed)):
            worst = max(worst, difference(value, io[f"out.{i}"][:count]))
    return worst


class Block(nn.Module):
    """A residual block of the deblender."""

    def __init__(self, width):
        super().__init__()
        self.conv1 = nn.Conv2d(width, width, 3, padding=1)
        self.bn1 = nn.BatchNorm2d(width, eps=1e-3)
        self.act = nn.PReLU(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(width, eps=1e-3)

    def forward(self, x):
        return x + self.bn2(self.conv2(self.act(self.bn1(self.conv1(x)))))


class Generator(nn.Module):
    """The branched generator (Reiman and Goehre 2019) with a quarter of its channels."""

    def __init__(self, width=16):
        super().__init__()
        self.conv_in = nn.Conv2d(3, width, 9, padding=4)
        self.act_in = nn.PReLU(width)
        self.root = nn.Sequential(*[Block(width) for _ in range(10)])
        self.conv_root = nn.Conv2d(width, width, 3, padding=1)
        self.bn_root = nn.BatchNorm2d(width, eps=1e-3)
        for branch in (1, 2):
            setattr(self, f"branch{branch}", nn.Sequential(*[Block(width) for _ in range(6)]))
            setattr(self, f"out{branch}", nn.Conv2d(width, 3, 9, padding=4))

    def forward(self, x):
        stem = self.act_in(self.conv_in(x))
        split = stem + self.bn_root(self.conv_root(self.root(stem)))
        return {
            "galaxy1": torch.tanh(self.out1(self.branch1(split))),
            "galaxy2": torch.tanh(self.out2(self.branch2(split))),
        }


class Discriminator(nn.Module):
    """Its discriminator: normalisation after the activation."""

    def __init__(self, width=16, dense=16):
        super().__init__()
        layers, inner = {}, 3
        for i in range(8):
            outer = width << (i // 2)
            layers[f"conv{i}"] = nn.Conv2d(inner, outer, 3, stride=1 + i % 2, padding=1)
            layers[f"act{i}"] = nn.LeakyReLU(0.3)
            if i:
                layers[f"bn{i}"] = nn.BatchNorm2d(outer, eps=1e-3)
            inner = outer
        layers["flatten"] = nn.Flatten()
        layers["fc1"] = nn.Linear(inner * 25, dense)
        layers["act_fc1"] = nn.LeakyReLU(0.3)
        layers["fc2"] = nn.Linear(dense, 1)
        self.net = nn.Sequential()
        for name, layer in layers.items():
            self.net.add_module(name, layer)

    def forward(self, x):
        return {"logit": self.net(x)}


def run_torch(path, network):
    """The largest difference of a network with the written weights, loaded strictly."""
    state = {key: torch.from_numpy(value.copy()) for key, value in tensors(path).items()}
    wrapped = nn.Module()
    wrapped.module = network
    # Counters are the only entries that our file leaves out.
    counters = {k: v for k, v in wrapped.state_dict().items() if k.endswith("num_batches_tracked")}
    wrapped.load_state_dict({**counters, **state}, strict=True)
    io = tensors(path.with_suffix(".weights_io"))
    with torch.no_grad():
        outputs = network.eval()(torch.from_numpy(io["in.input"].copy()))
    return max(difference(value.numpy(), io[f"out.{name}"]) for name, value in outputs.items())


def main():
    folder = pathlib.Path(sys.argv[1])
    found = {path.name: run_onnx(path) for path in sorted(folder.glob("*.onnx"))}
    for name, network in (("deblender_d_q", Discriminator()), ("deblender_g_q", Generator())):
        path = folder / f"{name}.safetensors"
        found[path.name] = run_torch(path, network)
    wrong = {name: value for name, value in found.items() if not value <= TOLERANCE}
    for name, value in found.items():
        if name in wrong or not name.startswith(("random", "other")):
            print(f"{name}: {value:.1e}")
    print(f"{len(found)} files, largest difference {max(found.values()):.1e}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
