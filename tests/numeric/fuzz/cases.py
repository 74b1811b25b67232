"""Random operators on random tensors: what a fuzz test compiles, and what eager must agree with.

A case is made from a seed alone, so that a failure is found again by its number.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

SIZES = (1, 2, 3, 5, 7, 13, 16, 17, 31, 33)
FLOATS = (torch.float32, torch.float32, torch.bfloat16, torch.float64)
Function = Callable[..., Any]


@dataclass(frozen=True)
class Case:
    """``function`` on ``inputs``; ``text`` says what it is."""

    text: str
    function: Function
    inputs: tuple[Any, ...]


def case(kind: str, seed: int) -> Case:
    """The case of one kind with this number."""
    rng = random.Random(f"{kind}{seed}")
    torch.manual_seed(seed)
    return KINDS[kind](rng)


def _shape(rng: random.Random, rank: int, zero: bool = True) -> list[int]:
    # Of high ranks small sizes, so that a case takes milliseconds.
    shape = [rng.choice(SIZES if rank < 4 else SIZES[:6]) for _ in range(rank)]
    if zero and rng.random() < 0.08:
        shape[rng.randrange(rank)] = 0
    return shape


def _tensor(rng: random.Random, shape: list[int], dtype: torch.dtype) -> torch.Tensor:
    """Random numbers, often with strides that are not row-major."""
    layout = rng.choice(["dense", "dense", "permuted", "sliced", "expanded"])
    if layout == "permuted":
        order = rng.sample(range(len(shape)), len(shape))
        return _numbers([shape[d] for d in order], dtype).permute(
            [order.index(d) for d in range(len(shape))]
        )
    if layout == "sliced":
        wide = [2 * n + 1 for n in shape]
        return _numbers(wide, dtype)[tuple(slice(1, 2 * n + 1, 2) for n in shape)]
    if layout == "expanded":
        dim = rng.randrange(len(shape))
        return _numbers([1 if d == dim else n for d, n in enumerate(shape)], dtype).expand(shape)
    return _numbers(shape, dtype)


def _numbers(shape: list[int], dtype: torch.dtype) -> torch.Tensor:
    if dtype == torch.bool:
        return torch.rand(shape) > 0.5
    if not dtype.is_floating_point:
        return torch.randint(-20, 20, shape, dtype=dtype)
    return torch.randn(shape).to(dtype)


UNARY: dict[str, Function] = {
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "gelu": torch.nn.functional.gelu,
    "selu": torch.selu,
    "softplus": torch.nn.functional.softplus,
    "hardswish": torch.nn.functional.hardswish,
    "hardtanh": torch.nn.functional.hardtanh,
    "softsign": torch.nn.functional.softsign,
    "leaky": torch.nn.functional.leaky_relu,
    "abs": torch.abs,
    "square": torch.square,
    "exp": torch.exp,
    "rsqrt": lambda x: torch.rsqrt(x.abs() + 1),
    "positive": lambda x: x > 0,
    "mish": torch.nn.functional.mish,
    "log1p": lambda x: torch.log1p(x.abs()),
    "half up": lambda x: torch.where(x > 0.5, x, -x),
    "clamp": lambda x: torch.clamp(x, -0.5, 0.75),
    "masked": lambda x: x.masked_fill(x < 0, float("-inf")),
}
BINARY: dict[str, Function] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "max": torch.maximum,
    "min": torch.minimum,
    "less": torch.lt,
    "where": lambda a, b: torch.where(a > b, a, b + 1),
}


def _elementwise(rng: random.Random) -> Case:
    shape = _shape(rng, rng.randint(1, 5))
    names = rng.sample(sorted(UNARY), 2)
    name = rng.choice(sorted(BINARY))
    dtype = rng.choice(FLOATS)
    other = [1 if rng.random() < 0.3 else n for n in shape][rng.randrange(len(shape)) :]
    inputs = (_tensor(rng, shape, dtype), _tensor(rng, other, dtype))

    def function(a: torch.Tensor, b: torch.Tensor) -> Any:
        first = UNARY[names[0]](a)
        return UNARY[names[1]](b), BINARY[name](first.to(b.dtype), b)

    return Case(f"{name}({names[0]}, {names[1]}) {shape} {other} {dtype}", function, inputs)


def _integers(rng: random.Random) -> Case:
    shape = _shape(rng, rng.randint(1, 4))
    dtype = rng.choice([torch.int64, torch.int32, torch.bool])
    inputs = tuple(_tensor(rng, shape, dtype) for _ in range(2))

    def function(a: torch.Tensor, b: torch.Tensor) -> Any:
        if dtype == torch.bool:
            return a & b, a | ~b, torch.where(a, 1.5, 2.5)
        return a + b, a * b - a, torch.maximum(a, b), a > b, a.sum()

    return Case(f"{shape} {dtype}", function, inputs)


REDUCTIONS: dict[str, Function] = {
    "sum": lambda x, d, k: x.sum(d, keepdim=k),
    "mean": lambda x, d, k: x.mean(d, keepdim=k),
    "amax": lambda x, d, k: x.amax(d, keepdim=k),
    "amin": lambda x, d, k: x.amin(d, keepdim=k),
    "var": lambda x, d, k: x.var(d, keepdim=k, correction=0),
    "norm": lambda x, d, k: torch.linalg.vector_norm(x, dim=d, keepdim=k),
    "logsumexp": lambda x, d, k: torch.logsumexp(x, d, keepdim=k),
}
ALONG: dict[str, Function] = {
    "softmax": torch.softmax,
    "log_softmax": torch.log_softmax,
    "cumsum": torch.cumsum,
    "cumprod": lambda x, d: torch.cumprod(x * 0.1 + 1, d),
    "argmax": torch.argmax,
    "argmin": torch.argmin,
    "max": lambda x, d: torch.max(x, d)[0],
    "flip": lambda x, d: torch.flip(x, [d]),
}


def _reduction(rng: random.Random) -> Case:
    rank = rng.randint(1, 5)
    shape = _shape(rng, rank, zero=False)
    dtype = rng.choice(FLOATS)
    x = _tensor(rng, shape, dtype)
    if rng.random() < 0.5:
        name, dim = rng.choice(sorted(ALONG)), rng.randrange(rank)
        if name.startswith("arg"):
            # Equal elements may be found anywhere.
            x = torch.randperm(x.numel()).reshape(shape).to(torch.float32)
        return Case(f"{name} {shape} {dtype} {dim}", lambda x: ALONG[name](x, dim), (x,))
    name, keep = rng.choice(sorted(REDUCTIONS)), rng.random() < 0.5
    dims = sorted(rng.sample(range(rank), rng.randint(1, rank)))
    text = f"{name} {shape} {dtype} {dims} {keep}"
    return Case(text, lambda x: REDUCTIONS[name](x, dims, keep), (x,))


def _contraction(rng: random.Random) -> Case:
    dtype = rng.choice(FLOATS)
    b, m, n, k = (rng.choice(SIZES) for _ in range(4))
    form = rng.choice(["mm", "mv", "bmm", "linear", "einsum", "outer"])
    zero = {"m": 0} if rng.random() < 0.08 else {}
    m = zero.get("m", m)
    shapes = {
        "mm": ([m, k], [k, n]),
        "mv": ([m, k], [k]),
        "bmm": ([b, m, k], [b, k, n]),
        "linear": ([b, m, k], [n, k]),
        "einsum": ([b, m, k], [b, n, k]),
        "outer": ([m], [n]),
    }[form]
    functions: dict[str, Function] = {
        "linear": torch.nn.functional.linear,
        "einsum": lambda x, y: torch.einsum("bmk,bnk->bnm", x, y),
        "outer": torch.outer,
    }
    inputs = tuple(_tensor(rng, shape, dtype) for shape in shapes)
    return Case(f"{form} {shapes} {dtype}", functions.get(form, torch.matmul), inputs)


def _convolution(rng: random.Random) -> Case:
    rank, dtype = rng.randint(1, 3), rng.choice((torch.float32, torch.float32, torch.bfloat16))
    transposed = rng.random() < 0.4
    groups = rng.choice([1, 1, 2, 3])
    inner, outer = (groups * rng.choice([1, 2, 5]) for _ in range(2))
    kernel = [rng.randint(1, 3) for _ in range(rank)]
    stride = [rng.randint(1, 3) for _ in range(rank)]
    dilation = [rng.randint(1, 2) for _ in range(rank)]
    padding = [rng.randint(0, 2) for _ in range(rank)]
    size = [rng.choice([7, 8, 11, 17]) if rank < 3 else rng.choice([5, 6, 7]) for _ in range(rank)]
    kind = f"conv{'_transpose' if transposed else ''}{rank}d"
    weight = [inner, outer // groups] if transposed else [outer, inner // groups]
    inputs = (
        _tensor(rng, [rng.choice([1, 2, 3]), inner, *size], dtype),
        _numbers([*weight, *kernel], dtype),
        _numbers([outer], dtype),
    )
    options: dict[str, Any] = {
        "stride": stride,
        "padding": padding,
        "dilation": dilation,
        "groups": groups,
    }
    call = getattr(torch.nn.functional, kind)
    text = f"{kind} {inner}->{outer} {size} kernel {kernel} {options} {dtype}"
    return Case(text, lambda x, w, b: call(x, w, b, **options), inputs)


def _pooling(rng: random.Random) -> Case:
    rank = rng.randint(1, 3)
    kernel = [rng.randint(2, 3) for _ in range(rank)]
    stride = [rng.randint(1, 3) for _ in range(rank)]
    padding = [rng.randint(0, k // 2) for k in kernel]
    size = [rng.choice([7, 11, 17]) if rank < 3 else rng.choice([6, 7]) for _ in range(rank)]
    x = _tensor(rng, [rng.choice([1, 2]), rng.choice([1, 3]), *size], torch.float32)
    options: dict[str, Any] = {"stride": stride, "padding": padding}
    kind = rng.choice(["max_pool", "avg_pool"])
    if kind == "max_pool":
        options["dilation"] = [rng.randint(1, 2) for _ in range(rank)]
    else:
        options["count_include_pad"] = rng.random() < 0.5
    options["ceil_mode"] = rng.random() < 0.3
    call = getattr(torch.nn.functional, f"{kind}{rank}d")
    text = f"{kind}{rank}d {size} kernel {kernel} {options}"
    return Case(text, lambda x: call(x, kernel, **options), (x,))


KINDS: dict[str, Callable[[random.Random], Case]] = {
    "elementwise": _elementwise,
    "integers": _integers,
    "reduction": _reduction,
    "contraction": _contraction,
    "convolution": _convolution,
    "pooling": _pooling,
}
