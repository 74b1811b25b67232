"""An attention read as matrices: what its kernel multiplies, and where each lies in memory.

    out[batch, m, dv] = softmax(score(q[batch, m, dk] * k[batch, n, dk])) * v[batch, n, dv]

Of a single query (decoding) the rows are the heads that share keys, if any do: they fill the rows
of the matrix instructions.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from pharos.targets.common.attention.site import AttentionOperand, AttentionSite
from pharos.targets.xegpu.contractions.block_rules import objection
from pharos.targets.xegpu.contractions.matrices import Matrix
from pharos.targets.xegpu.contractions.padding import copied

FACTORS = ("f16", "bf16")
RESULTS = ("f16", "bf16", "f32")


@dataclass(frozen=True)
class Problem:
    """``site`` as matrices of ``m`` x ``dk`` (q), ``n`` x ``dk`` (k), ``n`` x ``dv`` (v) and ``m``
    x ``dv`` (out); ``extras`` are ``m`` x ``n``, with steps of 0 along what they do not depend on.

    ``rows`` is the loop that ``m`` counts, ``batch`` the loops of ``batch_sizes``, slowest first.
    """

    site: AttentionSite
    rows: int
    batch: tuple[int, ...]
    batch_sizes: tuple[int, ...]
    m: int
    n: int
    dk: int
    dv: int
    q: Matrix
    k: Matrix
    v: Matrix
    out: Matrix
    extras: tuple[Matrix, ...]

    @property
    def banded(self) -> bool:
        """Whether rows are queries, which see different keys by their place."""
        return self.site.causal is not None and self.rows == self.site.m


def read_problem(site: AttentionSite) -> Problem | None:
    """The matrices of ``site``; None when a size or a step is known only at run time."""
    sizes = [size for size in site.sizes if size is not None]
    if len(sizes) < len(site.sizes):
        return None
    rows = _row_loop(site, sizes)
    batch = tuple(loop for loop in (*site.batch, site.m) if loop != rows)
    corners = [
        (site.q, rows, site.dk),
        (site.k, site.n, site.dk),
        (site.v, site.n, site.dv),
        (site.out, rows, site.dv),
        *((extra, rows, site.n) for extra in site.extras),
    ]
    found = [_matrix(operand, row, column, batch, sizes) for operand, row, column in corners]
    matrices = [matrix for matrix in found if matrix is not None]
    if len(matrices) < len(found):
        return None
    q, k, v, out, *extras = matrices
    batch_sizes = tuple(sizes[loop] for loop in batch)
    m, n, dk, dv = (sizes[loop] for loop in (rows, site.n, site.dk, site.dv))
    return Problem(site, rows, batch, batch_sizes, m, n, dk, dv, q, k, v, out, tuple(extras))


def reachable(problem: Problem) -> tuple[Problem, list[Any]]:
    """``problem`` with factors that block loads can reach, and the buffers made for it.

    What must be copied is, at the insertion point; the buffers are the caller's to free.
    """
    made, factors = [], {}
    for name in ("q", "k", "v"):
        matrix = getattr(problem, name)
        # Only keys and values are loaded transposed.
        turned = name == "q" and matrix.turned
        if turned or objection(matrix, problem.batch_sizes) is not None:
            matrix = copied(matrix, problem.batch_sizes, False)
            made.append(matrix.buffer)
        factors[name] = matrix
    return replace(problem, **factors), made


def _row_loop(site: AttentionSite, sizes: list[int]) -> int:
    """The loop whose steps are rows: the queries, or of one query the heads that share keys."""
    if sizes[site.m] > 1:
        return site.m
    shared = [b for b in site.batch if not site.k.uses(b) and not site.v.uses(b)]
    return max(shared, key=lambda loop: sizes[loop], default=site.m)


def _matrix(
    operand: AttentionOperand, row: int, column: int, batch: tuple[int, ...], sizes: list[int]
) -> Matrix | None:
    steps = [operand.stride(loop) for loop in (row, column, *batch)]
    known = [step for step in steps if step is not None]
    if len(known) < len(steps):
        return None
    row_step, column_step, *batch_steps = known
    rows, columns = sizes[row], sizes[column]
    # A dimension of one element has the step that suits the other.
    if columns == 1 and operand.uses(column):
        column_step = 1
    if rows == 1 and operand.uses(row) and column_step == 1:
        row_step = columns
    return Matrix(
        operand.buffer, operand.dtype, rows, columns, row_step, column_step, tuple(batch_steps),
        0, operand.offset,
    )  # fmt: skip
