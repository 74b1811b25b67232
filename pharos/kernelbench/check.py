"""Is a result right? Structure, shape and dtype first, then every element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.utils._pytree import tree_flatten

from pharos.kernelbench.tolerance import OF_EAGERS_ERROR, Tolerance


@dataclass(frozen=True)
class Verdict:
    """``wrong`` says what is wrong, "" when all is right; ``error`` is the largest difference as
    a part of the reference's rms, ``used`` the largest as a part of what was allowed."""

    wrong: str = ""
    error: float = 0.0
    used: float = 0.0


@dataclass(frozen=True)
class Expected:
    """What eager gave, and the same in float64 where that was computed (else None).

    ``eagers_error`` is how far eager is off where that is known without ``exact``.
    """

    eager: Any
    exact: Any = None
    eagers_error: float = 0.0


def compare(found: Any, expected: Expected, tolerance: Any) -> Verdict:
    """Compare whole results, trees of tensors; ``tolerance(dtype)`` is a ``Tolerance``."""
    ours, form = tree_flatten(found)
    eager, wanted = tree_flatten(expected.eager)
    if form != wanted:
        return Verdict(f"expected results built like {wanted}, found {form}")
    exact = [None] * len(eager) if expected.exact is None else tree_flatten(expected.exact)[0]
    verdicts = [
        _one(
            f"result {n}" if len(eager) > 1 else "result",
            leaf,
            Expected(theirs, right, expected.eagers_error),
            tolerance,
        )
        for n, (leaf, theirs, right) in enumerate(zip(ours, eager, exact, strict=True))
    ]
    wrong = next((verdict.wrong for verdict in verdicts if verdict.wrong), "")
    error = max((verdict.error for verdict in verdicts), default=0.0)
    return Verdict(wrong, error, max((verdict.used for verdict in verdicts), default=0.0))


def _one(what: str, found: Any, expected: Expected, tolerance: Any) -> Verdict:
    eager = expected.eager
    if not isinstance(eager, torch.Tensor):
        same = type(found) is type(eager) and found == eager
        return Verdict("" if same else f"{what}: expected {eager!r}, found {found!r}")
    if not isinstance(found, torch.Tensor):
        return Verdict(f"{what}: expected a tensor, found {type(found).__name__}")
    if found.shape != eager.shape:
        return Verdict(f"{what}: expected shape {_shape(eager)}, found {_shape(found)}")
    if found.dtype != eager.dtype:
        return Verdict(f"{what}: expected {_dtype(eager)}, found {_dtype(found)}")
    if not eager.numel():
        return Verdict()
    if not eager.dtype.is_floating_point:
        return _equal(what, found, eager)
    return _close(what, found, expected, tolerance(eager.dtype))


def _equal(what: str, found: torch.Tensor, expected: torch.Tensor) -> Verdict:
    differs = found != expected
    if not bool(differs.any()):
        return Verdict()
    at = int(differs.reshape(-1).to(torch.uint8).argmax())
    return Verdict(_told(what, int(differs.sum()), found, expected, at, "must be equal"), 1.0, 1.0)


def _close(what: str, found: torch.Tensor, expected: Expected, tolerance: Tolerance) -> Verdict:
    # In float64 the comparison itself rounds nothing away. What overflows in its own type is
    # infinite there, so that eager decides where elements are not finite.
    ours, theirs = found.double(), expected.eager.double()
    exact, eagers_error = expected.exact, expected.eagers_error
    reference = theirs if exact is None else torch.where(theirs.isfinite(), exact, theirs)
    finite = reference.isfinite()
    rms = _rms(reference[finite])
    allowed = tolerance.relative * reference.abs() + tolerance.absolute * rms
    if exact is not None:
        eagers_error += float(torch.where(finite, (theirs - reference).abs(), 0).max())
    # Eager as the reference is off by its own error, which is then between the two.
    allowed += (OF_EAGERS_ERROR + (exact is None)) * eagers_error
    off = (ours - reference).abs()
    same = (ours == reference) | (ours.isnan() & reference.isnan())
    good = torch.where(finite, off <= allowed, same)
    off = torch.where(finite, off, 0.0)
    share = torch.where(finite & (off > 0), off / allowed, 0.0)
    error, used = float(off.max()) / (rms or 1.0), float(share.max())
    if bool(good.all()):
        return Verdict("", error, used)
    bad = ~good
    worst = torch.where(bad, torch.where(share.isnan(), torch.inf, share), -1.0)
    return Verdict(
        _told(what, int(bad.sum()), found, reference, int(worst.argmax()), _rule(tolerance, share)),
        error,
        used,
    )


def _rule(tolerance: Tolerance, share: torch.Tensor) -> str:
    """What was allowed, and how much more would have been needed."""
    used = float(share.nan_to_num(torch.inf).max())
    more = f"; {used:.3g} times that would pass" if 1 < used < torch.inf else ""
    return f"allowed {tolerance}{more}"


def _rms(values: torch.Tensor) -> float:
    return float(values.square().mean().sqrt()) if values.numel() else 0.0


def _told(
    what: str, count: int, found: torch.Tensor, expected: torch.Tensor, at: int, rule: str
) -> str:
    place = list(map(int, torch.unravel_index(torch.tensor(at), found.shape)))
    have, want = found.reshape(-1)[at].item(), expected.reshape(-1)[at].item()
    return (
        f"{what}: {count} of {found.numel()} elements are wrong ({rule}); at {place} expected "
        f"{want:.9g}, found {have:.9g}"
    )


def _shape(tensor: torch.Tensor) -> str:
    return f"{list(tensor.shape)}"


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def says_little(results: Any) -> str:
    """Why comparing with ``results`` says little: "" when it does not, or the reason."""
    tensors = [v for v in tree_flatten(results)[0] if isinstance(v, torch.Tensor) and v.numel()]
    if not tensors:
        return "there is nothing to compare"
    if all(bool(v.isnan().all()) for v in tensors if v.dtype.is_floating_point) and any(
        v.dtype.is_floating_point for v in tensors
    ):
        return "all results are NaN"
    many = [v for v in tensors if v.numel() > 1]
    if many and all(bool((v == v.reshape(-1)[0]).all()) for v in many):
        return "all elements of the result are equal"
    return ""
