"""The tensors of a Hugging Face folder: one safetensors file, or several and their index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ml_dtypes  # noqa: F401  (safetensors finds bfloat16 through it)
import numpy as np
from safetensors import SafetensorError, safe_open

from pharos.core.errors import Note, UserError
from pharos.ingress.checkpoints.files import parse_json, read_text

_WHOLE = "model.safetensors"
_INDEX = "model.safetensors.index.json"
FLOATS = ("F32", "F16", "BF16")


@dataclass(frozen=True)
class Tensor:
    """One tensor of a file: its shape and safetensors' name of its type, known without its data."""

    name: str
    path: Path
    shape: tuple[int, ...]
    dtype: str
    reader: Any

    def read(self) -> np.ndarray:
        """Its values, in their own type."""
        found: np.ndarray = self.reader.get_tensor(self.name)
        return found

    def rows(self, most: int = 4096) -> Iterator[np.ndarray]:
        """Its values, at most ``most`` rows at a time."""
        view = self.reader.get_slice(self.name)
        for start in range(0, self.shape[0], most):
            yield view[start : min(start + most, self.shape[0])]


def open_tensors(folder: Path) -> dict[str, Tensor]:
    """Every tensor of ``folder`` by its name in the files, no data read yet.

    Raises ``UserError`` for a folder without safetensors and for files that are none.
    """
    if (folder / _WHOLE).exists():
        return {one.name: one for one in _tensors_of(folder / _WHOLE)}
    if (folder / _INDEX).exists():
        return _sharded(folder)
    others = sorted(path.name for path in folder.glob("*.bin")) if folder.is_dir() else []
    raise UserError(
        f"{folder}: expected {_WHOLE} or {_INDEX}, found neither",
        hint=f"{others[0]} may hold pickled code; save the model again with save_pretrained"
        if others
        else "give the folder that save_pretrained wrote",
    )


def _sharded(folder: Path) -> dict[str, Tensor]:
    index = folder / _INDEX
    places = parse_json(index, read_text(index)).get("weight_map")
    if not isinstance(places, dict) or not all(type(file) is str for file in places.values()):
        raise UserError(f"{index}: field weight_map: expected names and their files")
    found: dict[str, Tensor] = {}
    for file in dict.fromkeys(places.values()):
        if Path(file).name != file:
            raise UserError(f"{index}: field weight_map: expected a file's name, found {file!r}")
        found |= {one.name: one for one in _tensors_of(folder / file)}
    if lost := [name for name in places if name not in found]:
        raise UserError(
            f"{index}: {len(lost)} tensors are in none of the files",
            notes=[Note(f"{name}: expected in {places[name]}") for name in lost],
        )
    return found


def _tensors_of(path: Path) -> list[Tensor]:
    try:
        reader = safe_open(path, framework="numpy")
    except OSError as error:
        raise UserError(f"{path}: cannot read this file: {error.strerror or error}") from error
    except SafetensorError as error:
        raise UserError(
            f"{path}: expected a safetensors file, and it is damaged or another: {error}"
        ) from error
    found = []
    for name in reader.keys():  # noqa: SIM118  (no dict: it cannot be iterated)
        view = reader.get_slice(name)
        found.append(Tensor(name, path, tuple(view.get_shape()), view.get_dtype(), reader))
    return found
