"""Run the compiled code on several sets of random inputs and compare with PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch.utils._pytree import tree_leaves, tree_map

from pharos.kernelbench.check import Expected, Verdict, compare, says_little
from pharos.kernelbench.options import Options
from pharos.kernelbench.reference import DRAWN, Reference
from pharos.kernelbench.tolerance import tolerance_for

Report = Callable[[str], None]


def check(function: Any, reference: Reference, options: Options, report: Report) -> dict[str, Any]:
    """What the comparison found, for the row: ``wrong`` ("" when all is right), the largest
    ``error``, what the ``reference`` was, ``notes``."""
    rule = partial(tolerance_for, relative=options.relative, absolute=options.absolute)
    verdicts, notes, little = [], list(reference.notes), []
    for number in range(options.seeds):
        report(f"eager: inputs {number}")
        inputs = reference.inputs(number)
        expected, after = _expected(reference, inputs)
        little.append(says_little(expected.eager))
        report(f"run: inputs {number}")
        verdicts.append(_judged(function, inputs, expected, after, rule, f"inputs {number}"))
        if verdicts[-1].wrong:
            break
    else:
        other = _other_inputs(function, reference, rule, report)
        if other is not None:
            verdicts.append(other[0])
            little.append(other[1])
    if all(little):
        notes.append(f"the check says little: {little[0]}")
    wrong = next((verdict.wrong for verdict in verdicts if verdict.wrong), "")
    return {
        "wrong": wrong or reference.differing_state(rule),
        "error": max(verdict.error for verdict in verdicts),
        "used": max(verdict.used for verdict in verdicts),
        "reference": _named(reference),
        "checks": len(verdicts),
        "notes": notes,
    }


def run_poisoned(function: Any, inputs: list[Any]) -> Any:
    """``function(*inputs)`` with outputs that held NaN before: unwritten elements show."""
    torch.manual_seed(DRAWN)
    bound = function.bind(*inputs, poison=True)
    bound()
    return bound.finish()


def shown(results: Any, count: int) -> list[str]:
    """The first ``count`` elements of each result, with its type and shape, as text."""
    lines = []
    for value in tree_leaves(results):
        if isinstance(value, torch.Tensor):
            first = ", ".join(f"{x:.6g}" for x in value.reshape(-1)[:count].tolist())
            more = ", ..." if value.numel() > count else ""
            dtype = str(value.dtype).removeprefix("torch.")
            lines.append(f"{dtype}{list(value.shape)} = {first}{more}")
        else:
            lines.append(repr(value))
    return lines


def _expected(reference: Reference, inputs: list[Any]) -> tuple[Expected, list[Any]]:
    """Eager's results, and the inputs as eager leaves them."""
    own = _cloned(inputs)
    expected = reference.expected(own)
    return expected, own


def _judged(
    function: Any, inputs: list[Any], expected: Expected, after: list[Any], rule: Any, name: str
) -> Verdict:
    verdict = compare(run_poisoned(function, inputs), expected, rule)
    if not verdict.wrong:
        left = compare(inputs, Expected(after), rule)
        verdict = verdict if not left.wrong else Verdict(f"the inputs after the call: {left.wrong}")
    return verdict if not verdict.wrong else Verdict(f"{name}: {verdict.wrong}")


def _other_inputs(
    function: Any, reference: Reference, rule: Any, report: Report
) -> tuple[Verdict, str] | None:
    """The verdict on inputs that show more mistakes, and what they say little about; None where
    the problem has no answer for them: it wants probabilities, say."""
    report("eager: other inputs")
    inputs = reference.other_inputs()
    expected, after = _expected(reference, inputs)
    floats = [v for v in tree_leaves(expected.eager) if isinstance(v, torch.Tensor)]
    if any(bool(v.isnan().any()) for v in floats if v.dtype.is_floating_point):
        # Both models have seen as many calls as before only if ours is called as well.
        run_poisoned(function, inputs)
        return None
    report("run: other inputs")
    verdict = _judged(function, inputs, expected, after, rule, "normal inputs")
    return verdict, says_little(expected.eager)


def _cloned(inputs: list[Any]) -> list[Any]:
    return list(tree_map(lambda v: v.clone() if isinstance(v, torch.Tensor) else v, inputs))


def _named(reference: Reference) -> str:
    if reference.exact_runs == reference.runs:
        return "float64"
    if not reference.exact_runs:
        return "eager"
    return f"float64 for {reference.exact_runs} of {reference.runs} inputs, then eager"
