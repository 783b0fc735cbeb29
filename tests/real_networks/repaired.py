#!/usr/bin/env python3
"""Loads generators that `ganoscope export` wrote into the classes of their own packages and compares what they draw with what
Ganoscope drew itself, for the test `cli` of the app.

  target/peers/bin/python tests/real_networks/repaired.py NETWORKS FOLDER

NETWORKS is the folder that fetch filled; its files of classes are verified there and import PyTorch alone. FOLDER has
NAME.safetensors, NAME.onnx, and NAME.io with `z` and `image`. Prints the largest differences; the exit code is 1 when one is above 1e-4.
"""
import importlib.util
import json
import struct
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import torch

TOLERANCE = 1e-4

# Per package: the file of the class, how it is made, and its arguments from the numbers a network is run on.
CLASSES = {
    "gan-face-generate": (
        "gan_face_generate/models.py",
        lambda module: module.Generator(1, 3, 100, 64),
        lambda z: (z,),
    ),
    "omniart-eye-generator": (
        "omniart_eye_generator/generator.py",
        lambda module: module.Generator(),
        lambda z: (z[:, :100], z[:, 100:, 0, 0]),
    ),
}


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


def class_of(path):
    """A file of Python as a module, without the package around it."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def differences(name, networks, folder):
    """The largest difference of PyTorch and of ONNX Runtime."""
    file, make, arguments = CLASSES[name]
    network = make(class_of(networks / name / file))
    expected = tensors(folder / f"{name}.io")
    state = {key: torch.from_numpy(value.copy()) for key, value in tensors(folder / f"{name}.safetensors").items()}
    names = {key for key in network.state_dict() if not key.endswith("num_batches_tracked")}
    if set(state) != names:
        sys.exit(f"{name}: other names: {sorted(set(state) ^ names)}")
    network.load_state_dict(state, strict=True)
    with torch.no_grad():
        image = network.eval()(*arguments(torch.from_numpy(expected["z"].copy()))).numpy()
    session = onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), providers=["CPUExecutionProvider"])
    (again,) = session.run(None, {session.get_inputs()[0].name: expected["z"]})
    return [float(np.abs(got - expected["image"]).max()) for got in (image, again)]


def main():
    networks, folder = map(Path, sys.argv[1:])
    worst = 0.0
    for path in sorted(folder.glob("*.io")):
        by_torch, by_onnx = differences(path.stem, networks, folder)
        print(f"{path.stem}: PyTorch {torch.__version__} {by_torch:.1e}, ONNX Runtime {onnxruntime.__version__} {by_onnx:.1e}")
        worst = max(worst, by_torch, by_onnx)
    return 0 if worst <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
