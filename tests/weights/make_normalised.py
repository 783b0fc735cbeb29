#!/usr/bin/env python3
"""Makes normalised.pth and normalised_expected.safetensors: the same layers under every normalisation of weights that
PyTorch has, and the weights that the layers use in evaluation.

  target/peers/bin/python tests/weights/make_normalised.py

The layer `square` is a transposed convolution with as many input as output channels: its shape does not tell which axis
spectral normalisation took for rows.
"""
import json
import struct
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn
from torch.nn import utils
from torch.nn.utils import parametrizations

HERE = Path(__file__).resolve().parent


def network(normalise):
    torch.manual_seed(7)
    layers = OrderedDict(
        conv=nn.Conv2d(3, 5, 3),
        square=nn.ConvTranspose2d(4, 4, 4, 2, 1),
        up=nn.ConvTranspose2d(6, 4, 4, 2, 1, bias=False),
        dense=nn.Linear(7, 2),
    )
    for name in layers:
        layers[name] = normalise(layers[name])
    module = nn.Sequential(layers)
    module.train()
    inputs = dict(conv=(1, 3, 8, 8), square=(1, 4, 3, 3), up=(1, 6, 3, 3), dense=(1, 7))
    for _ in range(4):
        for name, shape in inputs.items():
            module[list(layers).index(name)](torch.randn(shape))
    module.eval()
    for name, shape in inputs.items():
        module[list(layers).index(name)](torch.randn(shape))
    return module, list(layers)


states, expected = OrderedDict(), {}
for part, normalise in dict(
    spectral=utils.spectral_norm,
    spectral_parametrised=parametrizations.spectral_norm,
    lengths=utils.weight_norm,
    lengths_parametrised=parametrizations.weight_norm,
).items():
    module, names = network(normalise)
    states[part] = module.state_dict()
    for name, layer in zip(names, module):
        expected[f"{part}/{name}.weight"] = layer.weight.detach().float().contiguous()
torch.save(states, HERE / "normalised.pth")

header, data = {}, b""
for key, tensor in sorted(expected.items()):
    raw = tensor.numpy().astype("<f4").tobytes()
    header[key] = dict(dtype="F32", shape=list(tensor.shape), data_offsets=[len(data), len(data) + len(raw)])
    data += raw
text = json.dumps(header).encode()
text += b" " * (-len(text) % 8)
(HERE / "normalised_expected.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
