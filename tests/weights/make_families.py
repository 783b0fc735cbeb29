#!/usr/bin/env python3
"""Makes families.pth and families_expected.safetensors: small networks in the spelling of repositories that many people
copy, with what PyTorch computes from them.

  target/peers/bin/python tests/weights/make_families.py

Numbers that weights never show are the usual ones (epsilon 1e-5, slopes 0.2), except where the name says otherwise.
"""
import json
import struct
from collections import OrderedDict
from pathlib import Path

import torch
from torch import nn
from torch.nn import utils

HERE = Path(__file__).resolve().parent
LEAKY = lambda: nn.LeakyReLU(0.2)


class Together(nn.Module):
    """Modules under names, and a function over them."""

    def __init__(self, forward, **modules):
        super().__init__()
        for name, module in modules.items():
            setattr(self, name, module)
        self.run = forward

    def forward(self, x):
        return self.run(self, x)


def upsampling_g():
    blocks = nn.Sequential(nn.BatchNorm2d(6), nn.Upsample(scale_factor=2), nn.Conv2d(6, 6, 3, 1, 1), nn.BatchNorm2d(6), LEAKY(),
                           nn.Upsample(scale_factor=2), nn.Conv2d(6, 5, 3, 1, 1), nn.BatchNorm2d(5), LEAKY(),
                           nn.Conv2d(5, 1, 3, 1, 1), nn.Tanh())
    return Together(lambda m, z: m.conv_blocks(m.l1(z).view(-1, 6, 4, 4)), l1=nn.Sequential(nn.Linear(7, 96)), conv_blocks=blocks)


def dropout_d():
    def block(i, o, bn=True):
        layers = [nn.Conv2d(i, o, 3, 2, 1), LEAKY(), nn.Dropout2d(0.25)]
        return layers + [nn.BatchNorm2d(o)] * bn
    model = nn.Sequential(*block(1, 4, False), *block(4, 6), *block(6, 8))
    return Together(lambda m, x: m.adv_layer(m.model(x).flatten(1)), model=model, adv_layer=nn.Sequential(nn.Linear(8 * 4, 1)))


def dense_g():
    model = nn.Sequential(nn.Linear(6, 8), LEAKY(), nn.Linear(8, 10), nn.BatchNorm1d(10), LEAKY(), nn.Linear(10, 64), nn.Tanh())
    return Together(lambda m, z: m.model(z).view(-1, 1, 8, 8), model=model)


def dense_d():
    model = nn.Sequential(nn.Linear(64, 8), LEAKY(), nn.Linear(8, 5), LEAKY(), nn.Linear(5, 1))
    return Together(lambda m, x: m.model(x.flatten(1)), model=model)


def residual_g():
    def block():
        inner = nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1), nn.BatchNorm2d(4), nn.PReLU(), nn.Conv2d(4, 4, 3, 1, 1), nn.BatchNorm2d(4))
        return Together(lambda m, x: x + m.conv_block(x), conv_block=inner)
    up = []
    for _ in range(2):
        up += [nn.Conv2d(4, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.PixelShuffle(2), nn.PReLU()]

    def forward(m, x):
        a = m.conv1(x)
        return m.conv3(m.upsampling(a + m.conv2(m.res_blocks(a))))
    return Together(forward, conv1=nn.Sequential(nn.Conv2d(3, 4, 9, 1, 4), nn.PReLU()), res_blocks=nn.Sequential(block(), block()),
                    conv2=nn.Sequential(nn.Conv2d(4, 4, 3, 1, 1), nn.BatchNorm2d(4)), upsampling=nn.Sequential(*up),
                    conv3=nn.Sequential(nn.Conv2d(4, 3, 9, 1, 4), nn.Tanh()))


def dense_blocks_g():
    def rdb():
        convs = {f'conv{i + 1}': nn.Conv2d(4 + 2 * i, 2 if i < 4 else 4, 3, 1, 1) for i in range(5)}

        def forward(m, x):
            parts = [x]
            for i in range(4):
                parts.append(nn.functional.leaky_relu(getattr(m, f'conv{i + 1}')(torch.cat(parts, 1)), 0.2))
            return x + 0.2 * m.conv5(torch.cat(parts, 1))
        return Together(forward, **convs)

    def rrdb():
        return Together(lambda m, x: x + 0.2 * m.rdb3(m.rdb2(m.rdb1(x))), rdb1=rdb(), rdb2=rdb(), rdb3=rdb())

    def forward(m, x):
        act = lambda x: nn.functional.leaky_relu(x, 0.2)
        double = lambda x: nn.functional.interpolate(x, scale_factor=2, mode='nearest')
        a = m.conv_first(x)
        a = a + m.conv_body(m.body(a))
        a = act(m.conv_up2(double(act(m.conv_up1(double(a))))))
        return m.conv_last(act(m.conv_hr(a)))
    conv = lambda i, o: nn.Conv2d(i, o, 3, 1, 1)
    return Together(forward, conv_first=conv(3, 4), body=nn.Sequential(rrdb(), rrdb()), conv_body=conv(4, 4), conv_up1=conv(4, 4),
                    conv_up2=conv(4, 4), conv_hr=conv(4, 4), conv_last=conv(4, 3))


def alternating_d():
    layers = []
    for i, o, s in [(3, 4, 1), (4, 4, 2), (4, 6, 1), (6, 6, 2), (6, 8, 1), (8, 8, 2)]:
        layers += [nn.Conv2d(i, o, 3, s, 1)] + [nn.BatchNorm2d(o)] * bool(layers) + [LEAKY()]
    fc = nn.Sequential(nn.Linear(8 * 4, 6), LEAKY(), nn.Linear(6, 1))
    return Together(lambda m, x: m.fc(m.features(x).flatten(1)), features=nn.Sequential(*layers), fc=fc)


def patch_d():
    layers = [nn.Conv2d(3, 4, 4, 2, 1), LEAKY()]
    for i, o, s in [(4, 6, 2), (6, 8, 2), (8, 10, 1)]:
        layers += [nn.Conv2d(i, o, 4, s, 1, bias=False), nn.BatchNorm2d(o), LEAKY()]
    return Together(lambda m, x: m.model(x), model=nn.Sequential(*layers, nn.Conv2d(10, 1, 4, 1, 1)))


def spectral_d():
    norm = utils.spectral_norm
    conv = lambda i, o: norm(nn.Conv2d(i, o, 3, 1, 1))
    layers = [norm(nn.Conv2d(3, 4, 4, 2, 1)), LEAKY(), norm(nn.Conv2d(4, 6, 4, 2, 1)), LEAKY(), norm(nn.Conv2d(6, 1, 4, 1, 0))]
    return Together(lambda m, x: m.main(x).flatten(1), main=nn.Sequential(*layers))


def residual_d():
    pool = lambda x: nn.functional.avg_pool2d(x, 2)
    relu = nn.functional.relu

    def block(i, o, first):
        def forward(m, x):
            y = pool(m.c2(relu(m.c1(x if first else relu(x)))))
            return y + pool(m.c_sc(x))
        return Together(forward, c1=nn.Conv2d(i, o, 3, 1, 1), c2=nn.Conv2d(o, o, 3, 1, 1), c_sc=nn.Conv2d(i, o, 1))

    def forward(m, x):
        x = relu(m.block3(m.block2(m.block1(x))))
        return m.l4(x.sum((2, 3)))
    return Together(forward, block1=block(3, 4, True), block2=block(4, 6, False), block3=block(6, 8, False), l4=nn.Linear(8, 1))


CASES = OrderedDict(
    upsampling_g=(upsampling_g, (2, 7)), dropout_d=(dropout_d, (2, 1, 16, 16)), dense_g=(dense_g, (2, 6)), dense_d=(dense_d, (2, 1, 8, 8)),
    residual_g=(residual_g, (1, 3, 6, 6)), dense_blocks_g=(dense_blocks_g, (1, 3, 6, 6)), alternating_d=(alternating_d, (2, 3, 16, 16)),
    patch_d=(patch_d, (1, 3, 32, 32)), spectral_d=(spectral_d, (2, 3, 16, 16)), residual_d=(residual_d, (2, 3, 16, 16)),
)
states, tensors = OrderedDict(), {}
for name, (make, shape) in CASES.items():
    torch.manual_seed(3)
    module = make()
    for part in module.modules():
        if isinstance(part, (nn.BatchNorm2d, nn.BatchNorm1d)):
            nn.init.uniform_(part.running_mean, -0.2, 0.2)
            nn.init.uniform_(part.running_var, 0.5, 1.5)
            nn.init.uniform_(part.weight, 0.5, 1.5)
    module.train()
    for _ in range(3):
        module(torch.randn(shape))
    states[name] = OrderedDict((key, value.clone()) for key, value in module.state_dict().items())
    module.eval().double()
    x = torch.randn(shape)
    with torch.no_grad():
        tensors[f'{name}.input'], tensors[f'{name}.output'] = x, module(x.double()).float()
torch.save(states, HERE / 'families.pth')

header, data = {}, b''
for key, tensor in sorted(tensors.items()):
    raw = tensor.contiguous().numpy().astype('<f4').tobytes()
    header[key] = dict(dtype='F32', shape=list(tensor.shape), data_offsets=[len(data), len(data) + len(raw)])
    data += raw
text = json.dumps(header).encode()
text += b' ' * (-len(text) % 8)
(HERE / 'families_expected.safetensors').write_bytes(struct.pack('<Q', len(text)) + text + data)
print({key: tuple(value.shape) for key, value in tensors.items()})
