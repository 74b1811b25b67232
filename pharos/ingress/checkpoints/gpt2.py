"""llm.c's GPT-2 checkpoint: a header of 256 int32, then all parameters, one type, no gaps.

Header words: magic 20240326; version (3: float32, 5: bfloat16); longest sequence maxT;
vocabulary V; layers L; heads NH; channels C; padded vocabulary Vp; zeros. Linear weights are
(out, in). Source: llm.c, train_gpt2.py ``write_model`` and train_gpt2.c ``ParameterTensors``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import ml_dtypes
import numpy as np

from pharos.core.errors import UserError, nearest
from pharos.ingress.checkpoints.files import (
    CHECKPOINT_MAGIC,
    HEADER_BYTES,
    HEADER_WORDS,
    read_header,
    replacing,
)

VERSIONS = {"f32": 3, "bf16": 5}
DTYPES: dict[str, np.dtype[Any]] = {
    "f32": np.dtype("<f4"),
    "bf16": np.dtype(ml_dtypes.bfloat16),
}

# The header's words 2 to 7, in their order, with the most that is still believable: GPT-3's
# largest sizes are 2,048 positions, 96 layers and heads, 12,288 channels.
_FIELDS = {
    "max_sequence": 1 << 20,
    "vocabulary": 1 << 24,
    "layers": 1 << 10,
    "heads": 1 << 10,
    "channels": 1 << 17,
    "padded_vocabulary": 1 << 24,
}

Piece = Callable[[str, int], np.ndarray]
"""Gives one parameter of one layer: (name, layer) -> array. The layer is 0 for the unlayered."""


def padded(vocabulary: int) -> int:
    """``vocabulary`` rounded up to the multiple of 128 that llm.c pads to (50257 -> 50304)."""
    return -(-vocabulary // 128) * 128


@dataclass(frozen=True)
class Config:
    """The sizes of a GPT-2, as a checkpoint's header gives them.

    ``dtype`` is that of every parameter, "f32" or "bf16". ``padded_vocabulary`` counts the rows
    of the token embedding; those from ``vocabulary`` on belong to no token. Raises ``UserError``
    for sizes that make no model, naming the field.
    """

    max_sequence: int
    vocabulary: int
    layers: int
    heads: int
    channels: int
    padded_vocabulary: int
    dtype: str = "f32"

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES:
            raise UserError(
                f"field dtype: expected one of {', '.join(DTYPES)}, found {self.dtype!r}",
                hint=nearest(str(self.dtype), DTYPES),
            )
        for name, most in _FIELDS.items():
            value = getattr(self, name)
            if not 1 <= value <= most:
                raise UserError(f"field {name}: expected 1 to {most}, found {value}")
        if self.channels % self.heads:
            raise UserError(
                f"field channels: expected a multiple of heads ({self.heads}), "
                f"found {self.channels}"
            )
        if self.padded_vocabulary < self.vocabulary:
            raise UserError(
                f"field padded_vocabulary: expected at least vocabulary ({self.vocabulary}), "
                f"found {self.padded_vocabulary}"
            )

    @property
    def head_size(self) -> int:
        """Channels of one head."""
        return self.channels // self.heads

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name to shape of every parameter, in the file's order.

        All but wte, wpe, lnfw and lnfb have the layer as their first dimension.
        """
        L, C = self.layers, self.channels
        return {
            "wte": (self.padded_vocabulary, C),
            "wpe": (self.max_sequence, C),
            "ln1w": (L, C),
            "ln1b": (L, C),
            "qkvw": (L, 3 * C, C),
            "qkvb": (L, 3 * C),
            "attprojw": (L, C, C),
            "attprojb": (L, C),
            "ln2w": (L, C),
            "ln2b": (L, C),
            "fcw": (L, 4 * C, C),
            "fcb": (L, 4 * C),
            "fcprojw": (L, C, 4 * C),
            "fcprojb": (L, C),
            "lnfw": (C,),
            "lnfb": (C,),
        }

    @property
    def parameters(self) -> int:
        """How many numbers the file holds, the padding of the vocabulary included."""
        return sum(_size(shape) for shape in self.shapes.values())

    @property
    def parameter_bytes(self) -> int:
        """Bytes of all parameters."""
        return self.parameters * DTYPES[self.dtype].itemsize

    @property
    def file_bytes(self) -> int:
        """Bytes of the file: header and parameters."""
        return HEADER_BYTES + self.parameter_bytes


@dataclass(frozen=True)
class Checkpoint:
    """A mapped checkpoint. Nothing is read before it is used, and nothing can be written.

    ``data`` is all parameters in a row, (config.parameters,) of float32 or ml_dtypes.bfloat16;
    ``tensors`` are views of it, by llm.c's names, shaped as ``Config.shapes`` says. They are
    aligned to their element only.
    """

    path: Path
    config: Config
    data: np.ndarray
    tensors: Mapping[str, np.ndarray]


def open_checkpoint(path: str | Path) -> Checkpoint:
    """Map the checkpoint at ``path``, after its header and size were found consistent.

    Raises ``UserError`` naming the field, what was expected and what was found.
    """
    path = Path(path)
    header = read_header(path, CHECKPOINT_MAGIC, "a GPT-2 checkpoint")
    config = _config_of(path, header)
    _check_size(path, config)
    data = np.memmap(path, dtype=DTYPES[config.dtype], mode="r", offset=HEADER_BYTES)
    return Checkpoint(path, config, data, _views(data, config))


def _config_of(path: Path, header: np.ndarray) -> Config:
    words = header.view("<i4")
    version = int(words[1])
    dtype = next((name for name, number in VERSIONS.items() if number == version), None)
    if dtype is None:
        old = "versions 1 and 2 do not pad the vocabulary; write the file with a newer llm.c"
        raise UserError(
            f"{path}: field version: expected 3 (f32) or 5 (bf16), found {version}",
            hint=old if version in (1, 2) else None,
        )
    sizes = {name: int(words[2 + i]) for i, name in enumerate(_FIELDS)}
    try:
        return Config(**sizes, dtype=dtype)
    except UserError as error:
        raise UserError(f"{path}: {error.message}", hint=error.hint) from error


def _check_size(path: Path, config: Config) -> None:
    found, expected = path.stat().st_size, config.file_bytes
    if found == expected:
        return
    word, hint = "oversized", "the header does not belong to these parameters"
    if found < expected:
        word = "truncated"
        hint = f"{_parameter_at(config, found)} is the first parameter cut off; copy it again"
    raise UserError(
        f"{path}: {word}: the header's sizes give {config.parameters} {config.dtype} parameters, "
        f"so a file of {expected} bytes was expected, and {found} were found",
        hint=hint,
    )


def _parameter_at(config: Config, offset: int) -> str:
    """The name of the parameter that the byte at ``offset`` of the file belongs to."""
    end, holder = HEADER_BYTES, ""
    for name, shape in config.shapes.items():
        end += _size(shape) * DTYPES[config.dtype].itemsize
        holder = name
        if offset < end:
            break
    return holder


def _views(data: np.ndarray, config: Config) -> dict[str, np.ndarray]:
    views, offset = {}, 0
    for name, shape in config.shapes.items():
        size = _size(shape)
        views[name] = data[offset : offset + size].reshape(shape)
        offset += size
    return views


def _size(shape: tuple[int, ...]) -> int:
    size = 1
    for extent in shape:
        size *= extent
    return size


def write_checkpoint(
    path: str | Path, config: Config, tensors: Mapping[str, np.ndarray]
) -> Checkpoint:
    """Write ``tensors`` (``Config.shapes``, any floating type) to ``path`` and map the result.

    ``wte`` may leave out the rows that only pad the vocabulary: they become zeros. Values are
    rounded to ``config.dtype``, to nearest even. The file appears by rename, whole. Raises
    ``UserError`` for missing, unknown and wrongly shaped tensors and for values not finite.
    """
    _check_names(tensors, config)
    for name in config.shapes:
        _check_shape(name, tensors[name].shape, config)

    def piece(name: str, layer: int) -> np.ndarray:
        return tensors[name] if _unlayered(name) else tensors[name][layer]

    stream_checkpoint(Path(path), config, piece)
    return open_checkpoint(path)


def stream_checkpoint(path: Path, config: Config, piece: Piece) -> None:
    """Write a checkpoint whose parameters ``piece`` gives, holding one layer of one at a time."""
    with replacing(path) as file:
        file.write(header_of(config))
        for name, layer in _pieces(config):
            _write_piece(file, name, layer, piece(name, layer), config)


def header_of(config: Config) -> bytes:
    """The 1024 bytes that a checkpoint of ``config`` starts with."""
    header = np.zeros(HEADER_WORDS, dtype="<i4")
    header[:2] = CHECKPOINT_MAGIC, VERSIONS[config.dtype]
    header[2:8] = [getattr(config, name) for name in _FIELDS]
    return header.tobytes()


def _pieces(config: Config) -> Iterator[tuple[str, int]]:
    for name in config.shapes:
        for layer in range(1 if _unlayered(name) else config.layers):
            yield name, layer


def _unlayered(name: str) -> bool:
    return name in ("wte", "wpe", "lnfw", "lnfb")


def _write_piece(file: BinaryIO, name: str, layer: int, values: np.ndarray, config: Config) -> None:
    where = name if _unlayered(name) else f"{name}[{layer}]"
    if values.dtype != ml_dtypes.bfloat16 and not np.issubdtype(values.dtype, np.floating):
        raise UserError(f"{where}: expected a floating type, found {values.dtype}")
    # Overflow is looked for below, in the result, where it also shows what was infinite before.
    with np.errstate(over="ignore"):
        rounded = np.ascontiguousarray(values, dtype=DTYPES[config.dtype])
    if not np.isfinite(rounded).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(rounded))[0])
        raise UserError(f"{where}: expected finite {config.dtype}, found {values[at]} at {at}")
    file.write(rounded.reshape(-1).view(np.uint8).data)
    if name == "wte":
        rows = config.padded_vocabulary - len(values)
        file.write(bytes(rows * config.channels * rounded.itemsize))


def _check_names(tensors: Mapping[str, np.ndarray], config: Config) -> None:
    missing = [name for name in config.shapes if name not in tensors]
    unknown = [name for name in tensors if name not in config.shapes]
    if missing:
        raise UserError(f"missing parameters: {', '.join(missing)}")
    if unknown:
        raise UserError(
            f"unknown parameters: {', '.join(unknown)}",
            hint=nearest(unknown[0], config.shapes),
        )


def _check_shape(name: str, found: tuple[int, ...], config: Config) -> None:
    expected = config.shapes[name]
    if name == "wte" and found == (config.vocabulary, config.channels):
        return
    if found != expected:
        raise UserError(f"parameter {name}: expected shape {expected}, found {found}")
