"""The peers' side: one task of one peer, measured now. Called by run.py inside the virtual environment.

    theirs.py time PEER TASK THREADS SECONDS    prints the median time of one call in milliseconds
    theirs.py memory PEER TASK THREADS [MODEL]  prints the resident memory before the model was loaded, imports done, and
                                                the largest since, in KiB; ONNX Runtime reads the file MODEL
    theirs.py model TASK MODEL                  writes the ONNX file of a task

The networks are those of Reiman and Goehre (2019), as in core/src/architecture; weights are random.
"""
import statistics
import sys
import time

import numpy as np


def split(task):
    """`d16-epsilon-plus-4` -> ("d", 16, "epsilon-plus", 4)"""
    network, rest = task.split("-", 1)
    what, batch = rest.rsplit("-", 1)
    return network[0], int(network[1:]), what, int(batch)


def discriminator_layers(filters):
    """(in, out, stride) of the convolutions."""
    layers, channels = [], 3
    for i in range(8):
        out = filters << (i // 2)
        layers.append((channels, out, 1 + i % 2))
        channels = out
    return layers


# PyTorch


def torch_networks():
    import torch
    from torch import nn

    class ElementPrelu(nn.Module):
        def __init__(self, filters):
            super().__init__()
            self.slope = nn.Parameter(torch.full((filters, 80, 80), 0.1))

        def forward(self, x):
            return torch.relu(x) + self.slope * torch.clamp(x, max=0)

    class Block(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.body = nn.Sequential(
                nn.Conv2d(n, n, 3, padding=1), nn.BatchNorm2d(n), ElementPrelu(n),
                nn.Conv2d(n, n, 3, padding=1), nn.BatchNorm2d(n))

        def forward(self, x):
            return x + self.body(x)

    class Generator(nn.Module):
        def __init__(self, n):
            super().__init__()
            self.stem = nn.Sequential(nn.Conv2d(3, n, 9, padding=4), ElementPrelu(n))
            self.root = nn.Sequential(*[Block(n) for _ in range(10)], nn.Conv2d(n, n, 3, padding=1), nn.BatchNorm2d(n))
            branch = lambda: nn.Sequential(*[Block(n) for _ in range(6)], nn.Conv2d(n, 3, 9, padding=4), nn.Tanh())
            self.branches = nn.ModuleList([branch(), branch()])

        def forward(self, x):
            stem = self.stem(x)
            split = stem + self.root(stem)
            return [branch(split) for branch in self.branches]

    def discriminator(n):
        parts = []
        for i, (channels, out, stride) in enumerate(discriminator_layers(n)):
            parts += [nn.Conv2d(channels, out, 3, stride, 1), nn.LeakyReLU(0.3)]
            if i:
                parts.append(nn.BatchNorm2d(out))
        return nn.Sequential(*parts, nn.Flatten(), nn.Linear(n * 8 * 25, 1024), nn.LeakyReLU(0.3), nn.Linear(1024, 1))

    return torch, nn, Generator, discriminator


def torch_task(task, threads, imported, _model):
    torch, nn, generator, discriminator = torch_networks()
    imported()
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    kind, filters, what, batch = split(task)
    x = torch.rand(batch, 3, 80, 80)
    if what == "forward":
        network = (generator if kind == "g" else discriminator)(filters).eval()

        def call():
            with torch.inference_mode():
                network(x)

        return call
    g, d = generator(filters), discriminator(filters)
    optimisers = [torch.optim.Adam(n.parameters(), 1e-4) for n in (g, d)]
    cross_entropy = nn.functional.binary_cross_entropy_with_logits
    truths = [torch.rand(batch, 3, 80, 80) * 2 - 1 for _ in range(2)]
    ones, zeros = torch.ones(2 * batch, 1), torch.zeros(2 * batch, 1)

    def call():
        fakes = g(x)
        optimisers[1].zero_grad()
        detached = torch.cat([f.detach() for f in fakes])
        (cross_entropy(d(torch.cat(truths)), ones) + cross_entropy(d(detached), zeros)).backward()
        optimisers[1].step()
        optimisers[0].zero_grad()
        content = sum(((f - t) ** 2).mean() for f, t in zip(fakes, truths))
        for p in d.parameters():
            p.requires_grad_(False)
        adversarial = 2 * cross_entropy(d(torch.cat(fakes)), ones)
        (0.5 * (content + 1e-3 * adversarial)).backward()
        for p in d.parameters():
            p.requires_grad_(True)
        optimisers[0].step()

    return call


def zennit_task(task, threads, imported, _model):
    torch, _, _, discriminator = torch_networks()
    from zennit.attribution import Gradient
    from zennit.composites import EpsilonPlus

    imported()
    torch.set_num_threads(threads)
    _, filters, _, batch = split(task)
    network = discriminator(filters).eval()
    x = torch.rand(batch, 3, 80, 80) * 2 - 1

    def call():
        with Gradient(model=network, composite=EpsilonPlus()) as attributor:
            attributor(x, torch.ones(batch, 1))

    return call


# ONNX Runtime


class Graph:
    """An ONNX graph with random weights."""

    def __init__(self):
        self.nodes, self.weights, self.count = [], [], 0
        self.random = np.random.default_rng(1)

    def weight(self, *dims, low=None, high=None):
        from onnx import numpy_helper

        if low is None:
            high = (3.0 / max(1, int(np.prod(dims[1:])))) ** 0.5
            low = -high
        name = f"w{len(self.weights)}"
        values = self.random.uniform(low, high, dims).astype(np.float32)
        self.weights.append(numpy_helper.from_array(values, name))
        return name

    def node(self, op, inputs, output=None, **attributes):
        from onnx import helper

        self.count += 1
        output = output or f"x{self.count}"
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def conv(self, x, channels, out, kernel, stride=1):
        pad = kernel // 2
        w, b = self.weight(out, channels, kernel, kernel), self.weight(out, low=-0.1, high=0.1)
        return self.node("Conv", [x, w, b], strides=[stride] * 2, pads=[pad] * 4, kernel_shape=[kernel] * 2)

    def norm(self, x, n):
        around_one = dict(low=0.8, high=1.2)
        parts = [self.weight(n, **around_one), self.weight(n, low=-0.1, high=0.1),
                 self.weight(n, low=-0.1, high=0.1), self.weight(n, **around_one)]
        return self.node("BatchNormalization", [x, *parts], epsilon=1e-3)

    def model(self, outputs):
        from onnx import TensorProto, helper

        value = lambda name, dims: helper.make_tensor_value_info(name, TensorProto.FLOAT, dims)
        graph = helper.make_graph(self.nodes, "peer", [value("x", ["n", 3, 80, 80])],
                                  [value(o, None) for o in outputs], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        return model.SerializeToString()


def onnx_generator(n):
    g = Graph()
    prelu = lambda x: g.node("PRelu", [x, g.weight(n, 80, 80, low=0.0, high=0.2)])

    def block(x):
        y = prelu(g.norm(g.conv(x, n, n, 3), n))
        return g.node("Add", [x, g.norm(g.conv(y, n, n, 3), n)])

    stem = prelu(g.conv("x", 3, n, 9))
    x = stem
    for _ in range(10):
        x = block(x)
    split = g.node("Add", [stem, g.norm(g.conv(x, n, n, 3), n)])
    outputs = []
    for i in range(2):
        x = split
        for _ in range(6):
            x = block(x)
        outputs.append(g.node("Tanh", [g.conv(x, n, 3, 9)], output=f"y{i}"))
    return g.model(outputs)


def onnx_discriminator(n):
    g = Graph()
    x = "x"
    for i, (channels, out, stride) in enumerate(discriminator_layers(n)):
        x = g.node("LeakyRelu", [g.conv(x, channels, out, 3, stride)], alpha=0.3)
        if i:
            x = g.norm(x, out)
    x = g.node("Flatten", [x])
    x = g.node("Gemm", [x, g.weight(1024, n * 8 * 25), g.weight(1024)], transB=1)
    x = g.node("LeakyRelu", [x], alpha=0.3)
    g.node("Gemm", [x, g.weight(1, 1024), g.weight(1)], output="logit", transB=1)
    return g.model(["logit"])


def onnx_model(task):
    kind, filters, _, _ = split(task)
    return (onnx_generator if kind == "g" else onnx_discriminator)(filters)


def onnxruntime_task(task, threads, imported, model):
    import onnxruntime

    imported()
    batch = split(task)[-1]
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    session = onnxruntime.InferenceSession(model or onnx_model(task), options, providers=["CPUExecutionProvider"])
    x = np.random.default_rng(2).random((batch, 3, 80, 80), dtype=np.float32)
    return lambda: session.run(None, {"x": x})


PEERS = {"torch": torch_task, "zennit": zennit_task, "onnxruntime": onnxruntime_task}
# Calls after which memory has stopped growing; as in ours.rs.
MEMORY_CALLS = 4


def measure_time(peer, task, threads, seconds):
    call = PEERS[peer](task, int(threads), lambda: None, None)
    call()
    times, begun = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - begun < float(seconds):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    print(f"{1e3 * statistics.median(times):.4f}")


def status(field):
    """A line of Linux's status of this process, in KiB."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith(field))


def measure_memory(peer, task, threads, model=None):
    before = []

    def imported():
        # Forgets the largest so far: what importing took for a moment is not the peer's.
        try:
            with open("/proc/self/clear_refs", "w") as file:
                file.write("5")
        except OSError:
            pass
        before.append(status("VmRSS:"))

    call = PEERS[peer](task, int(threads), imported, model)
    for _ in range(MEMORY_CALLS):
        call()
    print(before[0], status("VmHWM:"))


def write_model(task, path):
    with open(path, "wb") as file:
        file.write(onnx_model(task))


def main():
    what, *words = sys.argv[1:]
    {"time": measure_time, "memory": measure_memory, "model": write_model}[what](*words)


if __name__ == "__main__":
    main()
