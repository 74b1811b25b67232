"""What the user asks of the harness, in one record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

DTYPES = ("f32", "bf16", "f16", "f64")
PEERS = ("inductor",)


@dataclass(frozen=True)
class Options:
    """Everything that shapes a row of the report.

    ``dtype``: the floating-point type that weights and inputs are converted to. ``seeds``: how
    many sets of random inputs are checked. ``relative``, ``absolute``: tolerances, None for those
    of the dtype. ``mode``: "train", "eval" or None for the problem's own. ``sets``: module-level
    names of the problem and the expressions they get; ``initial``: arguments of the model.
    ``inputs``: what the user described, ``make_inputs(seed)`` makes it (numpy arrays).
    ``compare``: peers to time beside eager. ``seconds``: time per problem for sampling.
    ``pipeline``, ``stages``, ``parameters``: how to compile, as in a ``Request``; ``plan`` is a
    plan to replay, or a folder with one for each problem. ``shown``: how many elements of each
    result the row keeps.
    """

    target: str
    dtype: str = "f32"
    seed: int = 0
    seeds: int = 3
    relative: float | None = None
    absolute: float | None = None
    mode: str | None = None
    sets: Mapping[str, str] = field(default_factory=dict)
    initial: tuple[Any, ...] | None = None
    inputs: str | None = None
    max_mb: float = 0
    max_gflop: float = 0
    benchmark: bool = True
    compare: tuple[str, ...] = ()
    runs: int = 20
    warmup: int = 3
    seconds: float = 10.0
    pipeline: str | None = None
    stages: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    plan: str | None = None
    shown: int = 0
    make_inputs: Callable[[int], list[Any]] | None = field(default=None, repr=False, compare=False)

    def record(self) -> dict[str, Any]:
        """The options as plain data: two runs with the same record may share rows."""
        data = asdict(self)
        del data["make_inputs"]
        return {key: list(v) if isinstance(v, tuple) else v for key, v in data.items()}


@dataclass(frozen=True)
class Wanted:
    """Files to write for each problem, under ``folder``: IR after the stages in ``after``,
    the imported module, assembly, object code. ``plans`` is where plans go, None for nowhere."""

    folder: Path
    after: tuple[str, ...] = ()
    imported: bool = False
    assembly: bool = False
    object: bool = False
    plans: Path | None = None

    def of(self, key: str) -> Path:
        """The folder for the problem ``key``."""
        return self.folder / file_name(key)


def file_name(key: str) -> str:
    """A problem's key as the name of a file: level1_3."""
    return key.strip("/").replace("/", "_")
