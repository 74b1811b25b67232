"""What is known about a payload: typed facts per function, and its motifs in order.

A motif is one piece of work that a schedule treats as a whole. Each is tied to its operations, so
that parameters can be written on them, and has a ``key`` that does not depend on where in the
program it stands. Sizes that are known only at run time are None.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from pharos.core.span import Span
from pharos.payload.maps import Size


@dataclass(frozen=True)
class ValueFact:
    """An argument or a result. ``kind`` is "tensor", "memref" or "scalar"."""

    kind: str
    shape: tuple[Size, ...]
    dtype: str

    def __str__(self) -> str:
        return f"{self.kind} {_by(self.shape)}x{self.dtype}" if self.shape else self.dtype


@dataclass(frozen=True, kw_only=True)
class Motif:
    """``operation`` is the one that parameters are written on, ``covers`` all that belong to it."""

    kind: ClassVar[str] = ""
    operation: Any = field(compare=False, repr=False)
    covers: tuple[Any, ...] = field(default=(), compare=False, repr=False)
    key: str = field(default="", compare=False)
    place: Span | None = field(default=None, compare=False)

    def describe(self) -> str:
        """The motif in a few words, without its kind."""
        raise NotImplementedError

    def parts(self) -> tuple[Motif, ...]:
        """The motifs that this one is made of, when it stands for several."""
        return ()


@dataclass(frozen=True)
class Step:
    """One elementwise operation: what it does ("relu", "bias", "mul+add")."""

    name: str
    operation: Any = field(compare=False, repr=False)


@dataclass(frozen=True)
class Factor:
    """An input of a contraction.

    ``layout`` are its dimensions as the operation reads them: b, m, n, k. ``stored`` are they in
    the order of memory, seen through transpositions that do nothing else.
    """

    layout: str
    stored: str
    dtype: str


@dataclass(frozen=True, kw_only=True)
class Contraction(Motif):
    """``C[b, m, n] += A[b, m, k] * B[b, k, n]``; sizes of several dimensions are multiplied.

    ``compute`` is the type that is multiplied in, ``dtype`` that of the sum. ``initial`` is what
    the sum starts from: "zero", "bias" (the same for all m or all n) or "value".
    """

    kind: ClassVar[str] = "contraction"
    m: Size
    n: Size
    k: Size
    batch: Size
    lhs: Factor
    rhs: Factor
    result: str
    dtype: str
    compute: str
    initial: str
    epilogue: tuple[Step, ...] = ()

    @property
    def transpose_a(self) -> bool:
        """Whether k comes before m in the memory of A."""
        return _before(self.lhs.stored, "k", "m")

    @property
    def transpose_b(self) -> bool:
        """Whether n comes before k in the memory of B."""
        return _before(self.rhs.stored, "n", "k")

    def describe(self) -> str:
        sizes = _by((self.m, self.n, self.k))
        batch = "" if self.batch == 1 else f"{_size(self.batch)} of "
        words = [f"{batch}{sizes} {_types(self.lhs.dtype, self.rhs.dtype, self.dtype)}"]
        turned = [n for n, t in (("A", self.transpose_a), ("B", self.transpose_b)) if t]
        words += [f"{' and '.join(turned)} transposed"] if turned else []
        words += [f"from {self.initial}"] if self.initial != "zero" else []
        words += [f"then {' + '.join(s.name for s in self.epilogue)}"] if self.epilogue else []
        return ", ".join(words)


@dataclass(frozen=True, kw_only=True)
class Convolution(Motif):
    """Sums over windows, times a filter. ``space`` and ``window`` have one size per dimension;
    ``channels`` and ``features`` are those of one group."""

    kind: ClassVar[str] = "convolution"
    batch: Size
    groups: Size
    channels: Size
    features: Size
    space: tuple[Size, ...]
    window: tuple[Size, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    layouts: tuple[str, str, str]
    lhs: str
    rhs: str
    dtype: str
    initial: str
    epilogue: tuple[Step, ...] = ()

    @property
    def depthwise(self) -> bool:
        """Whether each channel is convolved alone."""
        return self.groups != 1 and self.channels == 1

    def describe(self) -> str:
        words = [
            f"{_size(self.batch)}x{_size(self.channels)} channels to {_size(self.features)}, "
            f"window {_by(self.window)}, out {_by(self.space)}, "
            f"{_types(self.lhs, self.rhs, self.dtype)}"
        ]
        words += [f"strides {_by(self.strides)}"] if set(self.strides) - {1} else []
        words += [f"dilations {_by(self.dilations)}"] if set(self.dilations) - {1} else []
        words += [f"{_size(self.groups)} groups"] if self.groups != 1 else []
        words += [f"then {' + '.join(s.name for s in self.epilogue)}"] if self.epilogue else []
        return ", ".join(words)


@dataclass(frozen=True, kw_only=True)
class Pooling(Motif):
    """Windows combined by ``combiner``."""

    kind: ClassVar[str] = "pooling"
    combiner: str
    space: tuple[Size, ...]
    window: tuple[Size, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    dtype: str

    def describe(self) -> str:
        return (
            f"{self.combiner} over {_by(self.window)}, strides {_by(self.strides)}, "
            f"out {_by(self.space)}, {self.dtype}"
        )


@dataclass(frozen=True, kw_only=True)
class Reduction(Motif):
    """``combiner`` over ``reduced`` elements, for each of ``kept``. ``axes`` are the reduced
    dimensions of the input."""

    kind: ClassVar[str] = "reduction"
    combiner: str
    kept: tuple[Size, ...]
    reduced: tuple[Size, ...]
    axes: tuple[int, ...]
    dtype: str

    def describe(self) -> str:
        return f"{self.combiner} of {_by(self.reduced)} for {_by(self.kept) or '1'}, {self.dtype}"


@dataclass(frozen=True, kw_only=True)
class Scan(Motif):
    """Every prefix along ``axis``, combined by ``combiner``."""

    kind: ClassVar[str] = "scan"
    combiner: str
    shape: tuple[Size, ...]
    axis: int
    inclusive: bool
    dtype: str

    def describe(self) -> str:
        ends = "inclusive" if self.inclusive else "exclusive"
        return f"{self.combiner} along axis {self.axis} of {_by(self.shape)}, {ends}, {self.dtype}"


@dataclass(frozen=True, kw_only=True)
class Elementwise(Motif):
    """Connected elementwise operations over the same loops, in order."""

    kind: ClassVar[str] = "elementwise"
    shape: tuple[Size, ...]
    steps: tuple[Step, ...]
    dtype: str

    def describe(self) -> str:
        return f"{' + '.join(s.name for s in self.steps)} on {_by(self.shape) or '1'}, {self.dtype}"


@dataclass(frozen=True, kw_only=True)
class Softmax(Motif):
    """Softmax along ``axis``, or its logarithm. ``shifted``: the maximum is subtracted first."""

    kind: ClassVar[str] = "softmax"
    shape: tuple[Size, ...]
    axis: int
    logarithm: bool
    shifted: bool
    dtype: str

    def describe(self) -> str:
        log = "log of " if self.logarithm else ""
        raw = "" if self.shifted else ", maximum not subtracted"
        return f"{log}softmax along axis {self.axis} of {_by(self.shape)}, {self.dtype}{raw}"


@dataclass(frozen=True, kw_only=True)
class Norm(Motif):
    """A value divided by a statistic of itself over ``axes``.

    ``form``: "layer" (mean and variance), "rms", "l2", "l1" or "mean" (mean subtracted only).
    """

    kind: ClassVar[str] = "norm"
    form: str
    shape: tuple[Size, ...]
    axes: tuple[int, ...]
    dtype: str

    def describe(self) -> str:
        axes = ", ".join(map(str, self.axes))
        return f"{self.form} over axes {axes} of {_by(self.shape)}, {self.dtype}"


@dataclass(frozen=True, kw_only=True)
class Attention(Motif):
    """``softmax(Q K^T, masked) V`` per batch (heads included).

    ``mask`` is "none", "causal", "additive" or "select" (scores that a condition replaces).
    ``stored`` are the element types of queries, keys and values in memory, where they are followed
    back to, ``dtype`` is that of the result, ``extras`` those of what masks are read from.
    ``shared`` heads of queries have the same keys. ``obstacle`` says why it cannot become one
    operation, "" where it can.
    """

    kind: ClassVar[str] = "attention"
    batch: Size
    queries: Size
    keys: Size
    depth: Size
    value_depth: Size
    mask: str
    dtype: str
    stored: tuple[str, str, str] = ("f32", "f32", "f32")
    extras: tuple[str, ...] = ()
    shared: Size = 1
    obstacle: str = ""
    members: tuple[Motif, ...] = ()

    def parts(self) -> tuple[Motif, ...]:
        return self.members

    def describe(self) -> str:
        mask = "" if self.mask == "none" else f", {self.mask} mask"
        shared = "" if self.shared == 1 else f", keys shared by {_size(self.shared)}"
        depth = f"depth {_size(self.depth)}"
        depth += "" if self.value_depth == self.depth else f" and {_size(self.value_depth)}"
        types = " x ".join(dict.fromkeys(self.stored))
        types += "" if types == self.dtype else f" to {self.dtype}"
        return (
            f"{_size(self.batch)} of {_size(self.queries)} queries, {_size(self.keys)} keys, "
            f"{depth}, {types}{mask}{shared}"
        )


@dataclass(frozen=True, kw_only=True)
class Movement(Motif):
    """Data put elsewhere unchanged. ``form``: "transpose", "broadcast", "copy", "pad", "concat",
    "gather", "scatter", "slice", "insert", "pack", "unpack"."""

    kind: ClassVar[str] = "movement"
    form: str
    shape: tuple[Size, ...]
    dtype: str

    def describe(self) -> str:
        return f"{self.form} to {_by(self.shape) or '1'}, {self.dtype}"


@dataclass(frozen=True)
class NearMiss:
    """What looks like an attention and is none: its second product, and why."""

    operation: Any = field(compare=False, repr=False)
    reason: str
    place: Span | None = field(default=None, compare=False)

    def __str__(self) -> str:
        where = f"{self.place}: " if self.place is not None else ""
        return f"{where}{self.operation.name} is not the end of an attention: {self.reason}"


@dataclass(frozen=True)
class FunctionFacts:
    """One function with a body."""

    name: str
    arguments: tuple[ValueFact, ...]
    results: tuple[ValueFact, ...]
    motifs: tuple[Motif, ...]
    misses: tuple[NearMiss, ...] = ()

    def walk(self) -> Iterator[Motif]:
        """Every motif, those that others are made of right behind them."""
        for motif in self.motifs:
            yield motif
            yield from motif.parts()


@dataclass(frozen=True)
class PayloadFacts:
    """All functions of a module, in order."""

    functions: tuple[FunctionFacts, ...]

    def walk(self) -> Iterator[Motif]:
        """Every motif of every function."""
        for function in self.functions:
            yield from function.walk()


def _size(size: Size) -> str:
    return "?" if size is None else str(size)


def _by(sizes: tuple[Size, ...]) -> str:
    return "x".join(map(_size, sizes))


def _types(lhs: str, rhs: str, result: str) -> str:
    return lhs if lhs == rhs == result else f"{lhs} x {rhs} to {result}"


def _before(layout: str, first: str, second: str) -> bool:
    """Whether the last ``first`` of ``layout`` comes before its last ``second``."""
    return first in layout and second in layout and layout.rfind(first) < layout.rfind(second)
