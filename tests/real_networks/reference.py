#!/usr/bin/env python3
"""Runs the PyTorch networks that fetch brought in PyTorch itself and writes inputs and outputs beside them, for the test
real_networks of the core.

  target/peers/bin/python tests/real_networks/reference.py [DIR]

The architectures are written here from the sources of the packages; nothing of the packages is imported or run. Computed in
float64 from the stored float32 weights, written as float32 into DIR/reference.safetensors: NAME.input and NAME.image.
"""
import json
import struct
import sys
from pathlib import Path

import torch
from torch import nn

ROOT = Path(__file__).resolve().parent.parent.parent


def dcgan(channels, dropout_after_first):
    """Transposed convolutions of 4 x 4 with normalisation and ReLU, then tanh."""
    layers = []
    for i, (inner, outer) in enumerate(zip(channels[:-2], channels[1:-1])):
        layers += [nn.ConvTranspose2d(inner, outer, 4, 1 if i == 0 else 2, 0 if i == 0 else 1, bias=False),
                   nn.BatchNorm2d(outer), nn.ReLU()]
        if i == 0 and dropout_after_first:
            layers.append(nn.Dropout(0.2))
    layers += [nn.ConvTranspose2d(channels[-2], channels[-1], 4, 2, 1, bias=False), nn.Tanh()]
    module = nn.Module()
    module.main = nn.Sequential(*layers)
    return module


def draw(module, state, inputs):
    module.load_state_dict(state)
    module.double().eval()
    with torch.no_grad():
        return module.main(inputs.double()).float()


def main():
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "target" / "real_networks"
    torch.manual_seed(11)
    faces = torch.randn(4, 100, 1, 1)
    eyes = torch.cat([torch.randn(8, 100), torch.eye(8)], 1).view(8, 108, 1, 1)
    load = lambda path: torch.load(target / path, map_location="cpu", weights_only=True)
    face = load("gan-face-generate/gan_face_generate/weights.tar")["netG_state_dict"]
    eye = load("omniart-eye-generator/omniart_eye_generator/generator_model_state.pth")
    tensors = {
        "gan-face-generate.input": faces,
        "gan-face-generate.image": draw(dcgan([100, 512, 256, 128, 64, 3], False), face, faces),
        "omniart-eye-generator.input": eyes,
        "omniart-eye-generator.image": draw(dcgan([108, 1024, 512, 256, 128, 64, 3], True), eye, eyes),
    }
    header, data = {}, b""
    for key, tensor in sorted(tensors.items()):
        raw = tensor.contiguous().numpy().astype("<f4").tobytes()
        header[key] = dict(dtype="F32", shape=list(tensor.shape), data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    (target / "reference.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    print(f"PyTorch {torch.__version__}: {target / 'reference.safetensors'}")


if __name__ == "__main__":
    main()
