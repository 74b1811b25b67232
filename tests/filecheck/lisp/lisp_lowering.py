"""Helpers of the lowering tests."""

from __future__ import annotations

import functools
from typing import Any

from pharos import ir
from pharos.lisp import load_text, lower

DIALECTS = (
    "(require-dialect affine arith cf complex func gpu index linalg llvm math memref scf tensor"
    " vector)\n"
)


@functools.cache
def context() -> Any:
    return ir.new_context()


def lowered(text: str) -> Any:
    """The module of ``text``, which may use every dialect; its first line is line 2."""
    return lower(load_text(DIALECTS + text, "t.lisp"), context())


def ir_of(text: str) -> str:
    return ir.to_text(lowered(text))


def body_of(parameters: str, *forms: str) -> str:
    """The IR of a function @f with these parameters and forms."""
    return ir_of(f"(defn f [{parameters}]\n{' '.join(forms)}\n(func.return))")


def assert_lines(text: str, *lines: str) -> None:
    """Check that ``lines`` occur in ``text``, each in a line of its own, in this order."""
    rest = text.split("\n")
    for line in lines:
        found = next((i for i, other in enumerate(rest) if line in other), None)
        assert found is not None, f"expected, after what came before it:\n{line}\nin\n{text}"
        rest = rest[found + 1 :]
