"""Reference forward passes of small deblender networks in float64: writes forward.json beside this script.

An implementation of its own, in NumPy, of the published architectures (Reiman and Goehre 2019, arXiv 1810.10098) with
procedural weights; nothing of it is shared with the program. Run with: python3 make_forward.py  (NumPy 2.4.6).
"""

import json
import pathlib

import numpy as np

MASK = (1 << 64) - 1
EPS = 1e-3


def hash_uniform(name, n, seed):
    """n numbers in [-1, 1): SplitMix64 finaliser of (fnv1a64(name) xor seed) + (i + 1) * golden ratio."""
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = ((h ^ byte) * 0x100000001B3) & MASK
    with np.errstate(over="ignore"):
        z = np.uint64(h ^ seed) + np.arange(1, n + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0


class Net:
    """Layers by name; every value is kept."""

    def __init__(self, seed):
        self.seed = seed
        self.values = {}

    def param(self, key, shape, scale, shift=0.0, damp=1.0):
        u = hash_uniform(key, int(np.prod(shape)), self.seed).reshape(shape)
        return (damp * (shift + scale * u)).astype(np.float32).astype(np.float64)

    def keep(self, name, value):
        self.values[name] = value
        return value

    def kernel(self, key, shape, damp=1.0):
        return self.param(key, shape, np.sqrt(3 * 2 / (1 + 0.3**2) / np.prod(shape[1:])), damp=damp)

    def conv(self, name, x, channels, size, stride, pads, damp=1.0):
        """pads: rows before, rows after, columns before, columns after."""
        n, c, h, w = x.shape
        weight = self.kernel(f"{name}.weight", (channels, c, size, size), damp)
        bias = self.param(f"{name}.bias", (channels,), 0.05)
        x = np.pad(x, ((0, 0), (0, 0), pads[:2], pads[2:]))
        windows = np.lib.stride_tricks.sliding_window_view(x, (size, size), axis=(2, 3))
        windows = windows[:, :, ::stride, ::stride]
        y = np.einsum("nchwij,ocij->nohw", windows, weight, optimize=True)
        return self.keep(name, y + bias[:, None, None])

    def norm(self, name, x):
        c = x.shape[1]
        damp = 0.25 if name.endswith(".bn2") else 1.0
        gain = self.param(f"{name}.weight", (c,), 0.2, 1.0, damp)
        shift = self.param(f"{name}.bias", (c,), 0.1)
        mean = self.param(f"{name}.running_mean", (c,), 0.1)
        var = self.param(f"{name}.running_var", (c,), 0.5, 1.0)
        gain = gain / np.sqrt(var + EPS)
        return self.keep(name, x * gain[:, None, None] + (shift - mean * gain)[:, None, None])

    def prelu(self, name, x, kind):
        shape = x.shape[1:] if kind == "per-element" else x.shape[1:2]
        slope = self.param(f"{name}.weight", shape, 0.1, 0.2)
        slope = slope if kind == "per-element" else slope[:, None, None]
        return self.keep(name, np.where(x > 0, x, slope * x))

    def leaky(self, name, x):
        return self.keep(name, np.where(x > 0, x, 0.3 * x))

    def dense(self, name, x, features):
        weight = self.kernel(f"{name}.weight", (features, x.shape[1]))
        return self.keep(name, x @ weight.T + self.param(f"{name}.bias", (features,), 0.05))


def block(net, name, x, filters, prelu):
    y = net.conv(f"{name}.conv1", x, filters, 3, 1, (1, 1, 1, 1))
    y = net.prelu(f"{name}.act", net.norm(f"{name}.bn1", y), prelu)
    y = net.conv(f"{name}.conv2", y, filters, 3, 1, (1, 1, 1, 1))
    return net.keep(f"{name}.add", x + net.norm(f"{name}.bn2", y))


def generator(net, x, filters, root_blocks, branch_blocks, prelu, position_channels):
    if position_channels:
        n, _, h, w = x.shape
        rows = (2 * np.arange(h) + 1) / h - 1
        columns = (2 * np.arange(w) + 1) / w - 1
        place = np.stack(np.meshgrid(rows, columns, indexing="ij")).astype(np.float32).astype(np.float64)
        x = np.concatenate([x, np.broadcast_to(place, (n, 2, h, w))], axis=1)
    stem = net.prelu("act_in", net.conv("conv_in", x, filters, 9, 1, (4, 4, 4, 4)), prelu)
    y = stem
    for i in range(root_blocks):
        y = block(net, f"root.{i}", y, filters, prelu)
    y = net.norm("bn_root", net.conv("conv_root", y, filters, 3, 1, (1, 1, 1, 1)))
    split = net.keep("add_root", stem + y)
    outputs = {}
    for b in (1, 2):
        y = split
        for i in range(branch_blocks):
            y = block(net, f"branch{b}.{i}", y, filters, prelu)
        y = net.conv(f"out{b}", y, 3, 9, 1, (4, 4, 4, 4), damp=0.2)
        outputs[f"galaxy{b}"] = net.keep(f"tanh{b}", np.tanh(y))
    return outputs


def discriminator(net, x, filters, dense, padding):
    for i in range(8):
        stride = 1 + i % 2
        pads = []
        for size in x.shape[2:]:
            if padding == "tf-same":
                total = max((-(-size // stride) - 1) * stride + 3 - size, 0)
                pads += [total // 2, total - total // 2]
            else:
                pads += [1, 1]
        x = net.leaky(f"net.act{i}", net.conv(f"net.conv{i}", x, filters << (i // 2), 3, stride, tuple(pads)))
        if i > 0:
            x = net.norm(f"net.bn{i}", x)
    x = net.keep("net.flatten", x.reshape(len(x), -1))
    x = net.leaky("net.act_fc1", net.dense("net.fc1", x, dense))
    return {"logit": net.dense("net.fc2", x, 1)}


def main():
    small = dict(root_blocks=2, branch_blocks=1)
    cases = {
        "generator_per_element": (11, 1, "generator", dict(filters=4, stamp_size=12, prelu="per-element", position_channels=False, **small)),
        "generator_with_position": (12, 2, "generator", dict(filters=3, stamp_size=10, prelu="per-channel", position_channels=True, **small)),
        "discriminator_symmetric": (13, 2, "discriminator", dict(filters=2, dense=6, stamp_size=20, padding="symmetric")),
        # Odd and even sizes pad differently: 22, 11, 6, 3.
        "discriminator_tf_same": (14, 2, "discriminator", dict(filters=2, dense=6, stamp_size=22, padding="tf-same")),
    }
    networks = {}
    for name, (seed, samples, role, config) in cases.items():
        size = config["stamp_size"]
        pixels = hash_uniform("input", samples * 3 * size * size, seed).astype(np.float32)
        x = pixels.astype(np.float64).reshape(samples, 3, size, size)
        net = Net(seed)
        build = {"generator": generator, "discriminator": discriminator}[role]
        outputs = build(net, x, **{k: v for k, v in config.items() if k != "stamp_size"})
        networks[name] = dict(
            config={role: config},
            seed=seed,
            samples=samples,
            activations={k: dict(shape=v.shape, mean=float(v.mean()), std=float(v.std())) for k, v in net.values.items()},
            outputs={k: [float(f"{x:.6f}") for x in v.ravel()] for k, v in outputs.items()},
        )
    text = json.dumps(dict(made_by="make_forward.py", networks=networks), separators=(",", ":"))
    path = pathlib.Path(__file__).with_name("forward.json")
    path.write_text(text + "\n")


if __name__ == "__main__":
    main()
