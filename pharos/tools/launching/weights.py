"""Arrays by reference: where the bytes are, not the bytes.

Source: numpy's format 1.0 to 3.0 (read by numpy); the safetensors format (8 bytes of length, a JSON
header with offsets from its end, little-endian data).
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pharos.core.errors import UserError, nearest
from pharos.runtime.dtypes import BF16, name_of, numpy_dtype

_SAFETENSORS = {
    "F64": "f64", "F32": "f32", "F16": "f16", "BF16": "bf16", "I64": "i64", "I32": "i32",
    "I16": "i16", "I8": "i8", "U8": "i8", "BOOL": "i1",
}  # fmt: skip


@dataclass(frozen=True)
class Reference:
    """``bytes`` at ``offset`` of ``file``, and their SHA-256: an array of ``dtype`` and ``shape``.

    ``file`` is relative to the folder of the manifest, or absolute.
    """

    file: str
    offset: int
    bytes: int
    sha256: str
    dtype: str = ""
    shape: tuple[int, ...] = ()

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "shape": list(self.shape)}

    @staticmethod
    def from_data(data: Mapping[str, Any]) -> Reference:
        return Reference(**{**data, "shape": tuple(data["shape"])})

    def memory(self, folder: Path) -> memoryview:
        """The bytes, mapped. UserError when the file is missing, short or changed."""
        path = folder / self.file
        if not self.bytes:
            return memoryview(b"")
        try:
            with path.open("rb") as file:
                mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:
            raise UserError(
                f"cannot read {path}, which {folder} refers to: {error}",
                hint="put the file back, or build the folder again",
            ) from None
        found = memoryview(mapped)[self.offset : self.offset + self.bytes]
        if len(found) != self.bytes or hashlib.sha256(found).hexdigest() != self.sha256:
            raise UserError(
                f"{path} is not what {folder} was built with (from byte {self.offset} on)",
                hint="put the file back, or build the folder again",
            )
        return found

    def array(self, folder: Path) -> np.ndarray[Any, Any]:
        """The bytes as an array, read-only, not copied."""
        raw = np.frombuffer(self.memory(folder), np.uint8)
        return raw.view(numpy_dtype(self.dtype)).reshape(self.shape)


def refer(text: str) -> Reference:
    """The array that ``text`` names: FILE.npy or FILE.safetensors:TENSOR.

    Its file is kept as an absolute path. UserError for what it does not hold.
    """
    if ".safetensors:" in text:
        name, _, tensor = text.rpartition(":")
        return _safetensor(Path(name), tensor)
    path = Path(text)
    if path.suffix == ".npy":
        return _numpy(path)
    raise UserError(f"expected FILE.npy or FILE.safetensors:TENSOR, found '{text}'")


def _numpy(path: Path) -> Reference:
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    dtype = "bf16" if array.dtype in (BF16, np.dtype("V2")) else name_of(array.dtype)
    if dtype is None or not array.flags.c_contiguous:
        raise UserError(f"{path}: no row-major array of a known element type ({array.dtype})")
    return _made(path, int(array.offset), array.nbytes, dtype, array.shape)


def _safetensor(path: Path, tensor: str) -> Reference:
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    header.pop("__metadata__", None)
    if tensor not in header:
        raise UserError(f"{path} has no tensor '{tensor}'", hint=nearest(tensor, header))
    entry = header[tensor]
    if entry["dtype"] not in _SAFETENSORS:
        raise UserError(f"{path}: tensor '{tensor}' is of type {entry['dtype']}")
    low, high = entry["data_offsets"]
    shape = tuple(entry["shape"])
    return _made(path, 8 + size + low, high - low, _SAFETENSORS[entry["dtype"]], shape)


def _made(path: Path, offset: int, size: int, dtype: str, shape: tuple[int, ...]) -> Reference:
    if math.prod(shape) * numpy_dtype(dtype).itemsize != size:
        raise UserError(f"{path} is damaged: {size} bytes for {dtype}{list(shape)}")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(offset)
        left = size
        while left and (piece := file.read(min(left, 1 << 20))):
            digest.update(piece)
            left -= len(piece)
    return Reference(str(path.resolve()), offset, size, digest.hexdigest(), dtype, shape)
