"""The sizes of a module that exists only as text."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

from pharos.kernelbench.sizes import CannotMeasure, Sizes, measure


def sizes_of(source: str, path: Path) -> Sizes:
    """What the problem with that ``source`` needs; ``path`` is named in its errors.

    Raises CannotMeasure with the reason when it does not run on shapes alone.
    """
    return measure(_problem(source, path))


def _problem(source: str, path: Path) -> Any:
    """The names that ``source`` defines, as attributes."""
    names: dict[str, Any] = {"__name__": f"sized_{path.stem}", "__file__": str(path)}
    try:
        exec(compile(source, str(path), "exec"), names)
        model = names["Model"]
        return types.SimpleNamespace(
            model_class=model,
            get_inputs=names["get_inputs"],
            get_init_inputs=names["get_init_inputs"],
        )
    except Exception as error:  # a boundary: the problem's own code may raise anything
        raise CannotMeasure(f"{type(error).__name__}: {error}") from error
