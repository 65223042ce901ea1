# SPDX-License-Identifier: Apache-2.0
"""Samples and labels from a `.npz` file or a folder of images, in the types and shapes of a model's inputs.

`.npz`: array `x` (several inputs: `x_0`, `x_1`, ... in graph order), optionally `y` (labels) and `name`.
`x` is [N, *shape of the input without its batch of 1]; further axes of length 1 may be left out or added.

Folder: `labels.csv` (first column: file name) and images; without `labels.csv` all images in it, unlabelled
and in order of their names. Images become grey or RGB by the channels of the input and are resized with
bilinear filtering.
"""

from __future__ import annotations

import contextlib
import csv
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from intarsia.archives import DAMAGED
from intarsia.errors import UsageError
from intarsia.ir import Graph, Tensor

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".webp")
MOST_PIXELS = 1 << 26
"""Pixels of the largest image that is opened: 64 Mi."""
LABELS_FILE = "labels.csv"
SCALE_HINT = "say what the integers mean with --input-scale S --input-offset O: real = (x - O) * S"
NPZ_HINT = "write it with numpy.savez(file, x=inputs, y=labels)"


@dataclass(frozen=True, eq=False)
class Dataset:
    """`inputs`: one array [N, *input shape] per graph input, in the input's own type.

    `labels` [N, ...] (None: unlabelled) and `names` [N] (file names, or empty) go with the samples.
    """

    inputs: tuple[np.ndarray, ...]
    labels: np.ndarray | None = None
    names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return int(self.inputs[0].shape[0])

    @property
    def samples(self) -> tuple[tuple[np.ndarray, ...], ...]:
        """Per sample one array per graph input: what `simulate.run` and `oracle.interpret` take."""
        return tuple(zip(*self.inputs, strict=True))


def load(
    path: Path,
    tensors: Tensor | Sequence[Tensor],
    *,
    input_scale: float | None = None,
    input_offset: float = 0.0,
    label_column: str | None = None,
    limit: int | None = None,
) -> Dataset:
    """Reads samples for the given graph input (or inputs).

    Float data are real values, quantized by the input's own scale and zero point where it is integer. Integer
    data of the input's own type are taken as they are; other integer data, and all integer data when
    `input_scale` is given, mean real = (x - input_offset) * input_scale. `label_column` names a column of
    `labels.csv`; `.npz` files do not use it. At most `limit` samples are read. Raises UsageError for whatever
    is wrong with path, arrays, images or labels.
    """
    inputs = (tensors,) if isinstance(tensors, Tensor) else tuple(tensors)
    if limit is not None and limit < 1:
        raise UsageError(f"a limit of {limit} samples", hint="give at least 1")
    if input_scale is not None and not (np.isfinite(input_scale) and input_scale > 0):
        raise UsageError(f"an input scale of {input_scale}", hint="give a positive number")
    if not np.isfinite(input_offset):
        raise UsageError(f"an input offset of {input_offset}", hint="give a finite number")
    if path.is_dir():
        if len(inputs) != 1:
            raise UsageError(
                f"{path} is a folder of images; the model has {len(inputs)} inputs", hint=NPZ_HINT
            )
        files, labels = _listing(path, label_column, limit)
        arrays: tuple[np.ndarray, ...] = (_images(files, inputs[0]),)
        names = tuple(file.name for file in files)
    else:
        arrays, labels, names = _npz(path, inputs, limit)
    converted = tuple(
        convert(array, tensor, where, input_scale=input_scale, input_offset=input_offset)
        for array, tensor, where in zip(arrays, inputs, _places(path, len(inputs)), strict=True)
    )
    return Dataset(converted, labels, names)


def random_samples(graph: Graph, count: int = 8, seed: int = 0) -> Dataset:
    """Seeded random inputs: any code of quantized types, floats in [-1, 1), 0 or 1 for other integers."""
    random = np.random.default_rng(seed)

    def draw(tensor: Tensor) -> np.ndarray:
        shape = (count, *tensor.shape)
        if tensor.dtype.is_float:
            return random.uniform(-1.0, 1.0, shape).astype(tensor.dtype.numpy)
        low, high = (0, 1) if tensor.quant is None else tensor.dtype.range
        return random.integers(low, high, shape, endpoint=True).astype(tensor.dtype.numpy)

    return Dataset(tuple(draw(graph.tensor(index)) for index in graph.inputs))


def convert(
    array: np.ndarray, tensor: Tensor, where: str, *, input_scale: float | None, input_offset: float
) -> np.ndarray:
    """Data [N, *shape] in the tensor's type.

    Raises UsageError when what the numbers mean is not said, and for NaN and infinity.
    """
    own = array.dtype.newbyteorder("=") == tensor.dtype.numpy
    if array.dtype.kind == "b" or (array.dtype.kind in "iu" and input_scale is None):
        if not own:
            raise UsageError(
                f"{where} holds {array.dtype.name} and input '{tensor.name}' is {tensor.dtype.name}",
                hint=SCALE_HINT,
            )
        return np.ascontiguousarray(array, tensor.dtype.numpy)
    if array.dtype.kind in "iu":
        assert input_scale is not None
        real = (array.astype(np.float64) - input_offset) * input_scale
    else:
        real = array.astype(np.float64)
    if not np.isfinite(real).all():
        position = np.argwhere(~np.isfinite(real))[0].tolist()
        raise UsageError(
            f"{where} holds NaN or infinity at {position}", hint="remove or repair those samples"
        )
    return _quantized(real, tensor, where)


def _quantized(real: np.ndarray, tensor: Tensor, where: str) -> np.ndarray:
    """Real values as the tensor stores them: codes rounded half away from zero and saturated."""
    if tensor.dtype.is_float:
        largest = float(np.finfo(tensor.dtype.name).max)
        if np.abs(real).max() > largest:
            raise UsageError(f"{where} holds values beyond {tensor.dtype.name}", hint="scale the samples")
        return real.astype(tensor.dtype.numpy)
    if tensor.quant is None:
        raise UsageError(
            f"{where} holds real values, input '{tensor.name}' is {tensor.dtype.name} without a scale",
            hint=f"store x as {tensor.dtype.name}",
        )
    low, high = tensor.dtype.range
    scaled = real / tensor.scale
    codes = np.copysign(np.floor(np.abs(scaled) + 0.5), scaled) + tensor.zero_point
    clipped: np.ndarray = np.clip(codes, low, high).astype(tensor.dtype.numpy)
    return clipped


def _places(path: Path, count: int) -> list[str]:
    if path.is_dir():
        return [str(path)]
    return [f"array '{name}' of {path}" for name in _array_names(count)]


def _array_names(count: int) -> list[str]:
    return ["x"] if count == 1 else [f"x_{i}" for i in range(count)]


def _npz(
    path: Path, tensors: Sequence[Tensor], limit: int | None
) -> tuple[tuple[np.ndarray, ...], np.ndarray | None, tuple[str, ...]]:
    """Input arrays [N, *shape], labels and names of a `.npz` file."""
    if not path.exists():
        raise UsageError(f"no such file or folder: {path}", hint="give a .npz file or a folder of images")
    try:
        archive = zipfile.ZipFile(path)
    except DAMAGED:
        raise UsageError(f"{path} is not a .npz file, or is cut off", hint=NPZ_HINT) from None
    with archive:
        present = {entry.removesuffix(".npy") for entry in archive.namelist()}
        arrays = []
        for name, tensor in zip(_array_names(len(tensors)), tensors, strict=True):
            if name not in present:
                found = ", ".join(sorted(present)[:8]) or "nothing"
                raise UsageError(f"{path} has no array '{name}'; it holds {found}", hint=NPZ_HINT)
            arrays.append(_input_array(archive, path, name, tensor, limit))
        counts = {len(array) for array in arrays}
        if len(counts) != 1:
            raise UsageError(
                f"the input arrays of {path} hold {sorted(counts)} samples", hint="give as many of each"
            )
        labels = _labels(archive, path, arrays[0].shape[0], limit) if "y" in present else None
        names: tuple[str, ...] = ()
        if "name" in present:
            with contextlib.suppress(UsageError):
                names = tuple(str(v) for v in _member(archive, path, "name").reshape(-1)[:limit])
    return tuple(arrays), labels, names if len(names) == len(arrays[0]) else ()


def _header(archive: zipfile.ZipFile, path: Path, name: str) -> tuple[tuple[int, ...], np.dtype[np.generic]]:
    """Shape and type of an array, read before its data so that what does not fit is never unpacked."""
    try:
        with archive.open(f"{name}.npy") as stream, _quiet():
            version = np.lib.format.read_magic(stream)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read(stream)
    except DAMAGED as error:
        raise UsageError(
            f"array '{name}' of {path} cannot be read: {_reason(error)}", hint=NPZ_HINT
        ) from None
    if dtype.hasobject:
        raise UsageError(
            f"array '{name}' of {path} holds Python objects", hint="store plain numbers, all of one shape"
        )
    return shape, dtype


def _member(archive: zipfile.ZipFile, path: Path, name: str) -> np.ndarray:
    _header(archive, path, name)
    try:
        with archive.open(f"{name}.npy") as stream, _quiet():
            array: np.ndarray = np.lib.format.read_array(stream, allow_pickle=False)
    except DAMAGED as error:
        raise UsageError(
            f"array '{name}' of {path} is damaged: {_reason(error)}", hint="write or copy the file again"
        ) from None
    return array


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps back what libraries say of odd files: they are refused here, or read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def _input_array(
    archive: zipfile.ZipFile, path: Path, name: str, tensor: Tensor, limit: int | None
) -> np.ndarray:
    shape, dtype = _header(archive, path, name)
    if dtype.kind not in "fiub":
        raise UsageError(f"array '{name}' of {path} holds {dtype}, not numbers", hint="store numbers")
    expected = _essential(tensor.shape)
    if not shape or _essential(shape[1:]) != expected:
        wanted = ", ".join(("N", *map(str, tensor.shape[1:] if tensor.shape[:1] == (1,) else tensor.shape)))
        raise UsageError(
            f"array '{name}' of {path} has shape {list(shape)}; input '{tensor.name}' needs [{wanted}]",
            hint=_shape_hint(shape, expected),
        )
    if shape[0] == 0:
        raise UsageError(f"array '{name}' of {path} is empty", hint="give at least one sample")
    return _member(archive, path, name)[:limit].reshape(-1, *tensor.shape)


def _shape_hint(shape: Sequence[int], expected: Sequence[int]) -> str:
    """What to do about an array whose shape does not fit; PyTorch has channels first."""
    if len(shape) > 2 and _essential((*shape[2:], shape[1])) == list(expected):
        axes = ", ".join(map(str, (0, *range(2, len(shape)), 1)))
        return f"the channels come last here: store x.transpose({axes})"
    return "the first axis counts samples, the rest must be the input's own shape"


def _essential(shape: Sequence[int]) -> list[int]:
    return [extent for extent in shape if extent != 1]


def _labels(archive: zipfile.ZipFile, path: Path, count: int, limit: int | None) -> np.ndarray:
    shape, dtype = _header(archive, path, "y")
    if dtype.kind not in "fiub":
        raise UsageError(f"array 'y' of {path} holds {dtype}, not numbers", hint="store class numbers")
    samples, _ = _header(archive, path, "x" if "x.npy" in archive.namelist() else "x_0")
    if not shape or shape[0] != samples[0]:
        found = shape[0] if shape else "no"
        raise UsageError(
            f"{path} has {samples[0]} samples and {found} labels", hint="give one label per sample"
        )
    labels = _member(archive, path, "y")[:limit]
    if labels.dtype.kind == "f" and not np.isfinite(labels).all():
        raise UsageError(f"array 'y' of {path} holds NaN or infinity", hint="remove or repair those samples")
    return labels.reshape(count) if labels.size == count else labels


def _listing(
    folder: Path, label_column: str | None, limit: int | None
) -> tuple[list[Path], np.ndarray | None]:
    """Image files of a folder in order, and their labels when it has a `labels.csv`."""
    table = folder / LABELS_FILE
    if table.is_file():
        return _labelled(table, label_column, limit)
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in IMAGE_SUFFIXES)
    if not files:
        raise UsageError(f"{folder} holds no images", hint=f"known endings: {', '.join(IMAGE_SUFFIXES)}")
    return files[:limit], None


def _labelled(table: Path, label_column: str | None, limit: int | None) -> tuple[list[Path], np.ndarray]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            f"cannot read {table}: {_reason(error)}", hint="save it as comma separated UTF-8"
        ) from None
    if len(rows) < 2:
        raise UsageError(f"{table} lists no images", hint="give a header line and one line per image")
    column = _column(table, rows[0], label_column)
    files, labels = [], []
    for number, row in enumerate(rows[1:][:limit], start=2):
        if len(row) <= column:
            raise UsageError(
                f"{table} line {number} has {len(row)} columns", hint="give every line all columns"
            )
        file = table.parent / row[0]
        if not _is_within(file, table.parent):
            raise UsageError(
                f"{table} line {number} names a file outside the folder: {row[0][:200]!r}",
                hint="give names of images in the folder of the table",
            )
        try:
            labels.append(np.int64(row[column]))
        except (ValueError, OverflowError):
            raise UsageError(
                f"{table} line {number}: label '{row[column][:60]}' is not an integer",
                hint=f"choose the column with --label-column; there are {', '.join(rows[0][1:])}",
            ) from None
        files.append(file)
    return files, np.array(labels, np.int64)


def _is_within(file: Path, folder: Path) -> bool:
    """Whether a path stays in a folder; one that no file system takes does not."""
    try:
        return file.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):
        return False


def _column(table: Path, header: list[str], wanted: str | None) -> int:
    names = header[1:]
    if wanted is None and len(names) != 1:
        wanted = "label"
    if wanted is None:
        return 1
    if wanted not in names:
        raise UsageError(
            f"{table} has no label column '{wanted}'; it has {', '.join(names) or 'only file names'}",
            hint="choose one with --label-column NAME",
        )
    return names.index(wanted) + 1


def _images(files: Sequence[Path], tensor: Tensor) -> np.ndarray:
    """uint8 [N, *shape]: every image in the channels and size of the input."""
    from PIL import Image

    height, width, mode = _image_form(tensor)
    images = np.empty((len(files), *tensor.shape), np.uint8)
    for image, file in zip(images, files, strict=True):
        try:
            with _quiet(), Image.open(file) as source:
                if source.width * source.height > MOST_PIXELS:
                    raise ValueError(f"{source.width} x {source.height} pixels are too many")
                picture = source.convert(mode)
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise UsageError(
                f"cannot read image {file}: {_reason(error)}", hint="repair or remove it"
            ) from None
        if picture.size != (width, height):
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        image[...] = np.asarray(picture).reshape(tensor.shape)
    return images


def _image_form(tensor: Tensor) -> tuple[int, int, str]:
    """Height, width and Pillow mode. Raises UsageError for inputs that are no image."""
    if len(tensor.shape) in (3, 4) and tensor.shape[0] == 1:
        height, width, channels = (*tensor.shape[1:], 1)[:3]
        if channels in (1, 3):
            return height, width, "L" if channels == 1 else "RGB"
    raise UsageError(
        f"input '{tensor.name}' of shape {list(tensor.shape)} is no grey or RGB image",
        hint="give a .npz file",
    )
