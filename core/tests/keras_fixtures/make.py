#!/usr/bin/env python3
"""Small models of Keras 2 and Keras 3 in every container, with what TensorFlow computes of them.

    python3 core/tests/keras_fixtures/make.py

Needs tensorflow (which brings Keras 3), tf_keras (Keras 2), h5py and numpy; the versions that made the files here are in
versions.json. Weights come from seeds of the names of their layers, so both versions of Keras get the same and are checked
against each other. Everything is packed by gzip, because HDF5 files of small tensors are mostly empty.
"""
import gzip
import json
import os
import pathlib
import shutil
import struct
import tempfile
import zlib

os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import h5py
import keras as keras3
import numpy
import tensorflow
import tf_keras as keras2

HERE = pathlib.Path(__file__).resolve().parent
SMALL = (7, 6, 3)


def rng(name):
    return numpy.random.default_rng(zlib.crc32(name.encode()))


def every_layer(model):
    """Layers that are no models, those of models inside included, once each."""
    seen = []
    for layer in model.layers:
        inner = every_layer(layer) if hasattr(layer, "layers") else [layer]
        seen.extend(x for x in inner if not any(x is y for y in seen))
    return seen


def fill(model):
    """Gives every weight values that follow from the layer's name and the weight's place."""
    for layer in every_layer(model):
        values = []
        for index, weight in enumerate(layer.get_weights()):
            path = layer.weights[index].name
            noise = rng(f"{layer.name}/{index}").uniform(-1, 1, weight.shape)
            fan = max(1, int(numpy.prod(weight.shape[:-1])))
            if "variance" in path:
                values.append(1 + 0.5 * noise)
            elif "gamma" in path:
                values.append(1 + 0.3 * noise)
            elif weight.ndim <= 1 or "alpha" in path:
                values.append(0.3 * noise)
            else:
                values.append(noise * (3 / fan) ** 0.5)
        layer.set_weights(values)


def convolutions(k):
    """Every kernel size, stride and padding; dilation, groups, no bias, an activation."""
    x = k.Input(SMALL, name="picture")
    out = []
    for size in (1, 2, 3, 4):
        for stride in (1, 2, 3):
            for padding in ("same", "valid"):
                name = f"k{size}_s{stride}_{padding}"
                out.append(k.layers.Conv2D(2, size, stride, padding, name=name)(x))
    more = {
        "dilated": dict(kernel_size=3, dilation_rate=2, padding="same", activation="relu"),
        "dilated_even": dict(kernel_size=2, dilation_rate=(1, 2), padding="same", use_bias=False),
        "oblong": dict(kernel_size=(1, 4), strides=(2, 1), padding="same", activation="tanh"),
        "grouped": dict(kernel_size=3, groups=3, padding="same"),
    }
    for name, options in more.items():
        out.append(k.layers.Conv2D(6, name=name, **options)(x))
    return k.Model(x, out, name="convolutions")


def transposed(k):
    x = k.Input((3, 4, 3), name="picture")
    out = []
    for size in (1, 2, 3, 4, 5):
        for stride in (1, 2, 3):
            for padding in ("same", "valid"):
                name = f"k{size}_s{stride}_{padding}"
                out.append(k.layers.Conv2DTranspose(2, size, stride, padding, name=name)(x))
    out.append(k.layers.Conv2DTranspose(2, 3, 2, "same", output_padding=1, name="padded")(x))
    out.append(k.layers.Conv2DTranspose(2, (2, 4), (2, 1), "same", use_bias=False, activation="relu", name="oblong")(x))
    return k.Model(x, out, name="transposed")


def depthwise(k):
    x = k.Input(SMALL, name="picture")
    out = []
    for size in (2, 3):
        for stride in (1, 2):
            for padding in ("same", "valid"):
                name = f"k{size}_s{stride}_{padding}"
                out.append(k.layers.DepthwiseConv2D(size, stride, padding, name="depth_" + name)(x))
                out.append(k.layers.SeparableConv2D(4, size, stride, padding, name="separate_" + name)(x))
    out.append(k.layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2, activation="relu", name="two")(x))
    out.append(k.layers.SeparableConv2D(5, 3, padding="same", depth_multiplier=2, use_bias=False, name="twice")(x))
    return k.Model(x, out, name="depthwise")


def windows(k):
    x = k.Input(SMALL, name="picture")
    out = []
    for size in (2, 3):
        for stride in (1, 2, 3):
            for padding in ("same", "valid"):
                name = f"k{size}_s{stride}_{padding}"
                out.append(k.layers.MaxPooling2D(size, stride, padding, name="max_" + name)(x))
                out.append(k.layers.AveragePooling2D(size, stride, padding, name="mean_" + name)(x))
    out.append(k.layers.MaxPooling2D(name="max")(x))
    for interpolation in ("nearest", "bilinear"):
        for size in (2, (3, 1)):
            name = f"{interpolation}{size if isinstance(size, int) else 31}"
            out.append(k.layers.UpSampling2D(size, interpolation=interpolation, name=name)(x))
    out += [
        k.layers.GlobalAveragePooling2D(name="mean_all")(x),
        k.layers.GlobalMaxPooling2D(name="max_all")(x),
        k.layers.GlobalAveragePooling2D(keepdims=True, name="mean_kept")(x),
        k.layers.ZeroPadding2D(name="border")(x),
        k.layers.ZeroPadding2D((2, 1), name="borders")(x),
        k.layers.ZeroPadding2D(((1, 0), (2, 3)), name="sides")(x),
        k.layers.Cropping2D(1, name="crop")(x),
        k.layers.Cropping2D(((1, 0), (0, 2)), name="crops")(x),
    ]
    return k.Model(x, out, name="windows")


def generator(k):
    """As DCGANs are written: a dense layer becomes a picture behind normalisation and a slope."""
    layers = k.layers
    return k.Sequential(
        [
            k.Input((5,), name="latent"),
            layers.Dense(4 * 3 * 6, use_bias=False, name="grow"),
            layers.BatchNormalization(name="grow_norm"),
            layers.LeakyReLU(name="grow_slope"),
            layers.Reshape((4, 3, 6), name="grid"),
            layers.Conv2DTranspose(4, 4, 2, "same", name="up1"),
            layers.BatchNormalization(epsilon=1e-5, name="up1_norm"),
            layers.PReLU(shared_axes=[1, 2], name="up1_slope"),
            layers.Dropout(0.3, name="up1_drop"),
            layers.Conv2DTranspose(3, 5, 2, "same", activation="tanh", name="up2"),
        ],
        name="generator",
    )


def judge(k):
    """Two inputs; a flattened picture beside a vector; slopes for every element; normalised vectors."""
    layers = k.layers
    x, label = k.Input(SMALL, name="picture"), k.Input((4,), name="label")
    y = layers.Conv2D(4, 3, 2, "same", name="conv1")(x)
    y = layers.PReLU(name="slope1")(y)
    y = layers.Conv2D(5, 4, 1, "same", name="conv2")(y)
    y = layers.LeakyReLU(name="slope2")(y)
    y = layers.Flatten(name="flat")(y)
    y = layers.BatchNormalization(name="flat_norm")(y)
    y = layers.PReLU(name="flat_slope")(y)
    y = layers.Concatenate(name="joined")([label, y])
    y = layers.Dense(7, activation="relu", name="dense1")(y)
    y = layers.LayerNormalization(name="dense_norm")(y)
    logit = layers.Dense(1, name="logit")(y)
    answer = layers.Activation("sigmoid", name="answer")(logit)
    return k.Model([x, label], [answer, logit], name="judge")


def activations(k):
    x = k.Input((3, 2, 4), name="picture")
    out = []
    for name in ("linear", "relu", "elu", "selu", "tanh", "sigmoid", "hard_sigmoid", "softplus", "swish"):
        out.append(k.layers.Activation(name, name=f"a_{name}")(x))
    out += [
        k.layers.LeakyReLU(name="leaky")(x),
        k.layers.LeakyReLU(0.1, name="leaky1")(x),
        k.layers.ELU(0.7, name="elu7")(x),
        k.layers.ReLU(name="relu")(x),
        k.layers.ReLU(0.5, name="relu_half")(x),
        k.layers.ReLU(negative_slope=0.2, name="relu_leaky")(x),
        k.layers.ReLU(0.4, 0.3, name="relu_both")(x),
        k.layers.PReLU(shared_axes=[1, 2, 3], name="one_slope")(x),
        k.layers.PReLU(shared_axes=[1], name="rows_shared")(x),
        k.layers.GaussianNoise(0.1, name="noise")(x),
        k.layers.SpatialDropout2D(0.2, name="spatial")(x),
    ]
    return k.Model(x, out, name="activations")


def merges(k):
    """Sums and joins, a layer used twice, a model used twice with a model in it, broadcasting."""
    layers = k.layers
    a, b = k.Input((4, 5, 3), name="a"), k.Input((4, 5, 3), name="b")
    conv = layers.Conv2D(3, 3, padding="same", name="shared")
    one, two = conv(a), conv(b)
    deep = k.Sequential([k.Input((4, 5, 3)), layers.Conv2D(3, 2, padding="same", name="deep")], name="inner")
    i = k.Input((4, 5, 3), name="i")
    block = k.Model(i, layers.Add(name="skip")([i, deep(layers.ReLU(name="r")(i))]), name="block")
    first, second = block(one), block(two)
    gate = layers.GlobalAveragePooling2D(keepdims=True, name="squeeze")(a)
    gate = layers.Dense(3, activation="sigmoid", name="gate")(gate)
    out = [
        layers.Add(name="add")([one, two, a]),
        layers.Subtract(name="subtract")([first, second]),
        layers.Multiply(name="multiply")([a, b]),
        layers.Average(name="average")([a, b, one]),
        layers.Maximum(name="maximum")([a, b]),
        layers.Minimum(name="minimum")([a, b]),
        layers.Concatenate(name="channels")([a, b, second]),
        layers.Concatenate(axis=1, name="rows")([a, b]),
        layers.Concatenate(axis=2, name="columns")([a, b]),
        layers.Multiply(name="gated")([one, gate]),
    ]
    return k.Model([a, b], out, name="merges")


def norms(k):
    layers = k.layers
    x, v = k.Input((3, 4, 6), name="picture"), k.Input((5,), name="vector")
    out = [
        layers.BatchNormalization(name="batch")(x),
        layers.BatchNormalization(scale=False, name="no_scale")(x),
        layers.BatchNormalization(center=False, epsilon=0.01, name="no_center")(x),
        layers.BatchNormalization(center=False, scale=False, name="neither")(x),
        layers.LayerNormalization(name="pixels")(x),
        layers.LayerNormalization(center=False, scale=False, name="plain_pixels")(x),
        layers.LayerNormalization(epsilon=0.01, name="vectors")(v),
        layers.GroupNormalization(2, name="groups")(x),
        layers.GroupNormalization(-1, name="instances")(x),
        layers.Rescaling(0.5, -0.25, name="rescaled")(x),
        layers.Rescaling([1.0, 2, 3, 4, 5, 6], [0.5, 0, 0, 0, 0, 1], name="each")(x),
        layers.BatchNormalization(name="batch_vector")(v),
    ]
    return k.Model([x, v], out, name="norms")


def spectral(k):
    layers, wrap = k.layers, k.layers.SpectralNormalization
    x = k.Input(SMALL, name="picture")
    y = wrap(layers.Conv2D(4, 4, 2, "same", name="conv"), name="sn_conv")(x)
    y = layers.LeakyReLU(0.2, name="slope")(y)
    y = wrap(layers.Conv2D(5, 3, name="conv_plain", use_bias=False, activation="relu"), name="sn_plain")(y)
    y = layers.Flatten(name="flat")(y)
    return k.Model(x, wrap(layers.Dense(2, name="dense"), name="sn_dense")(y), name="spectral")


def functions(k):
    """Functions in place of layers: the pixel shuffle, sums with numbers."""
    x = k.Input((3, 4, 8), name="picture")
    if k is keras2:
        shuffled = tensorflow.nn.depth_to_space(x, 2, name="shuffle")
        small = tensorflow.nn.relu6(x * 4.0 + 0.5)
        leaky = tensorflow.nn.leaky_relu(x - 0.1)
    else:
        shuffled = k.layers.UpSampling2D(2, name="no_shuffle")(x)
        small = k.ops.relu6(x * 4.0 + 0.5)
        leaky = k.ops.leaky_relu(x - 0.1)
    return k.Model(x, [shuffled, small, leaky, x + small, 1.0 - x, x / 4.0], name="functions")


def open_size(k):
    x = k.Input((None, None, 3), name="picture")
    y = k.layers.Conv2D(4, 3, 2, "same", activation="relu", name="down")(x)
    y = k.layers.UpSampling2D(2, name="up")(y)
    y = k.layers.Conv2D(3, 3, padding="same", activation="sigmoid", name="out")(y)
    return k.Model(x, y, name="open_size")


MODELS = [
    convolutions, transposed, depthwise, windows, generator, judge, activations, merges, norms, spectral, functions, open_size,
]


def inputs(model):
    """Values for every input, and their dimensions where the model leaves them open."""
    values = {}
    for index, tensor in enumerate(model.inputs):
        dims = [1, *(6 if n is None else n for n in tensor.shape[1:])]
        values[f"input{index}"] = rng(f"{model.name}/{index}").uniform(-1, 1, dims).astype(numpy.float32)
    return values


def channels_first(value):
    return value.transpose(0, 3, 1, 2) if value.ndim == 4 else value


def answers(model, given):
    x = list(given.values())
    out = model(x if len(x) > 1 else x[0], training=False)
    return [numpy.asarray(y) for y in (out if isinstance(out, (list, tuple)) else [out])]


def safetensors(tensors):
    header, start, data = {}, 0, []
    for name, value in sorted(tensors.items()):
        data.append(numpy.ascontiguousarray(value, "<f4").tobytes())
        end = start + len(data[-1])
        header[name] = {"dtype": "F32", "shape": list(value.shape), "data_offsets": [start, end]}
        start = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(data)


def pack(name, data):
    with open(HERE / f"{name}.gz", "wb") as file:
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=9, mtime=0) as packed:
            packed.write(data)


def javascript(model, name, rounding=None):
    """The container of TensorFlow.js, written by hand as its converter does: model.json and one shard."""
    listed, data = [], b""
    for layer in every_layer(model):
        for weight, value in zip(layer.weights, layer.get_weights()):
            path = weight.name.split(":")[0]
            entry = {"name": path, "shape": list(value.shape), "dtype": "float32"}
            if rounding in ("uint8", "uint16"):
                low, high = float(value.min()), float(value.max())
                scale = (high - low) / (2 ** (8 if rounding == "uint8" else 16) - 1) or 1.0
                entry["quantization"] = {"min": low, "scale": scale, "dtype": rounding, "original_dtype": "float32"}
                stored = numpy.round((value - low) / scale).astype(rounding)
                layer_value = stored.astype(numpy.float64) * scale + low
            elif rounding == "float16":
                entry["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
                stored = value.astype("<f2")
                layer_value = stored
            else:
                stored = layer_value = value
            weight.assign(layer_value.astype(numpy.float32))
            data += stored.tobytes()
            listed.append(entry)
    text = {
        "format": "layers-model",
        "generatedBy": f"keras v{keras2.__version__}",
        "convertedBy": "core/tests/keras_fixtures/make.py",
        "modelTopology": {
            "keras_version": keras2.__version__,
            "backend": "tensorflow",
            "model_config": json.loads(model.to_json()),
        },
        "weightsManifest": [{"paths": [f"{name}.bin"], "weights": listed}],
    }
    pack(f"{name}.json", json.dumps(text).encode())
    pack(f"{name}.bin", data)


def special(folder):
    """Other forms of one file: chunked and packed weights, the newest HDF5 format, code, a bare set of weights."""
    model = judge(keras2)
    fill(model)
    model.save(folder / "plain.h5")
    for name, library in (("packed", "earliest"), ("latest", "latest")):
        with h5py.File(folder / "plain.h5") as old, h5py.File(folder / f"{name}.h5", "w", libver=library) as new:
            for key, value in old.attrs.items():
                new.attrs[key] = value

            def copy(path, item):
                if isinstance(item, h5py.Dataset):
                    options = dict(chunks=True, compression="gzip", shuffle=True) if item.shape else {}
                    new.create_dataset(path, data=item[()], **options)
                else:
                    new.require_group(path)

            old.visititems(copy)
        pack(f"judge.{name}.h5", (folder / f"{name}.h5").read_bytes())
    model.save_weights(folder / "bare.h5")
    pack("bare_weights.h5", (folder / "bare.h5").read_bytes())
    x = keras2.Input(SMALL)
    code = keras2.Model(x, keras2.layers.Lambda(lambda t: t * 2, name="code")(x))
    code.save(folder / "code.h5")
    pack("code.h5", (folder / "code.h5").read_bytes())


def huge(folder):
    """A kernel of a gigabyte that is declared but not stored."""
    layers = [
        {"class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [None, 2, 2, 4096]}},
        {"class_name": "Conv2D", "config": {"name": "c", "filters": 65536, "kernel_size": 1, "use_bias": False}},
    ]
    model = {"class_name": "Sequential", "config": {"name": "huge", "layers": layers}}
    with h5py.File(folder / "huge.h5", "w") as file:
        file.attrs["model_config"] = json.dumps(model)
        file.create_dataset("model_weights/c/c/kernel:0", (1, 1, 4096, 65536), "f4", chunks=(1, 1, 64, 64))
    pack("huge.h5", (folder / "huge.h5").read_bytes())


def main():
    for old in HERE.glob("*.gz"):
        old.unlink()
    folder = pathlib.Path(tempfile.mkdtemp())
    for build in MODELS:
        name = build.__name__
        expected = {}
        for k, ending in ((keras2, "h5"), (keras2, "old.keras"), (keras3, "keras"), (keras3, "new.h5")):
            if k is keras2 and build is spectral:
                continue  # tf_keras 2.21 cannot make its own SpectralNormalization beside Keras 3
            k.backend.clear_session()
            model = build(k)
            fill(model)
            given = inputs(model)
            values = answers(model, given)
            tensors = {key: channels_first(value) for key, value in given.items()}
            tensors |= {f"output{i}": channels_first(value) for i, value in enumerate(values)}
            version = 2 if k is keras2 else 3
            if expected.get(2) and version == 3:
                for key, value in tensors.items():
                    other = expected[2].get(key)
                    if other is None or other.shape != value.shape or abs(other - value).max() > 1e-5:
                        print(name, key, "differs between Keras 2 and 3")
            expected[version] = tensors
            path = folder / f"{name}.{ending}"
            model.save(path)
            if ending in ("h5", "keras") or name in ("judge", "merges", "spectral"):
                pack(path.name, path.read_bytes())
        for version, tensors in expected.items():
            pack(f"{name}.keras{version}.safetensors", safetensors(tensors))
    for rounding in (None, "uint8", "uint16", "float16"):
        model = open_size(keras2)
        fill(model)
        javascript(model, f"javascript_{rounding or 'plain'}", rounding)
        given = inputs(model)
        tensors = {key: channels_first(value) for key, value in given.items()}
        tensors["output0"] = channels_first(answers(model, given)[0])
        pack(f"javascript_{rounding or 'plain'}.safetensors", safetensors(tensors))
    special(folder)
    huge(folder)
    shutil.rmtree(folder)
    versions = {
        "tensorflow": tensorflow.__version__, "keras": keras3.__version__, "tf_keras": keras2.__version__,
        "h5py": h5py.__version__, "hdf5": h5py.version.hdf5_version, "numpy": numpy.__version__,
    }
    (HERE / "versions.json").write_text(json.dumps(versions, indent=1) + "\n")


if __name__ == "__main__":
    main()
