"""Contractions whose plans are the same are written once; whatever decides the code tells them
apart."""

from __future__ import annotations

import re

import pytest

from pharos.core import settings
from pharos.core.errors import InternalError
from pharos.targets.cpu.contractions import launch
from pharos.toolchain import Request, lower, mlir_payload

KIND = "memref<64x64xf32>"
MAPS = """
#mk = affine_map<(m, n, k) -> (m, k)>
#kn = affine_map<(m, n, k) -> (k, n)>
#nk = affine_map<(m, n, k) -> (n, k)>
#mn = affine_map<(m, n, k) -> (m, n)>
#d = affine_map<(m, n) -> (m, n)>
"""
RELU = "%w = arith.maximumf %v, %zero : f32"
SCALED = "%w = arith.mulf %v, %two : f32"


def product(left: str, right: str, out: str, *, right_map: str = "#kn", after: str = RELU) -> str:
    return f"""
  linalg.fill ins(%zero : f32) outs({out} : {KIND})
  linalg.generic {{indexing_maps = [#mk, {right_map}, #mn],
                  iterator_types = ["parallel", "parallel", "reduction"]}}
    ins({left}, {right} : {KIND}, {KIND}) outs({out} : {KIND}) {{
  ^bb0(%p: f32, %q: f32, %s: f32):
    %m = arith.mulf %p, %q : f32
    %t = arith.addf %s, %m : f32
    linalg.yield %t : f32
  }}
  linalg.generic {{indexing_maps = [#d], iterator_types = ["parallel", "parallel"]}}
    outs({out} : {KIND}) {{
  ^bb0(%v: f32):
    {after}
    linalg.yield %w : f32
  }}"""


def lowered(*products: str) -> str:
    arguments = ", ".join(f"%{name}: {KIND}" for name in "abcd")
    text = f"""{MAPS}
func.func @f({arguments}) {{
  %zero = arith.constant 0.0 : f32
  %two = arith.constant 2.0 : f32
  %u = memref.alloc() : {KIND}
  %o = memref.alloc() : {KIND}{"".join(products)}
  memref.copy %u, %c : {KIND} to {KIND}
  memref.copy %o, %d : {KIND} to {KIND}
  memref.dealloc %u : {KIND}
  memref.dealloc %o : {KIND}
  return
}}"""
    request = Request(
        parameters={"simd_bits": 256, "registers": 16, "threads": 2, "grain": 1000},
        driving={"stop_after": "packed-contractions"},
    )
    return str(lower(mlir_payload(text), request).module)


def called(*products: str) -> list[str]:
    """What ``f`` calls for its contractions."""
    return re.findall(r"call @(\w+_contraction\d+_contraction)\(", lowered(*products))


def test_equal_plans_are_written_once(monkeypatch):
    written = []
    write = launch.write_function
    monkeypatch.setattr(launch, "write_function", lambda *a: written.append(a[1]) or write(*a))
    with settings.scope(VERIFY="ours"):
        first, second = called(product("%a", "%b", "%u"), product("%b", "%a", "%o"))
    assert first == second
    assert len(written) == 3  # what calls, packs and multiplies


@pytest.mark.parametrize(
    "other",
    [
        product("%a", "%b", "%o", after=SCALED),
        product("%a", "%b", "%o", after=RELU.replace("%zero", "%two")),
        product("%a", "%b", "%o", right_map="#nk"),
        product("%a", "%a", "%o"),
    ],
    ids=["operation", "constant", "map", "one-array"],
)
def test_other_plans_have_other_code(other):
    first, second = called(product("%a", "%b", "%u"), other)
    assert first != second


def test_a_description_that_forgets_something_is_found(monkeypatch):
    monkeypatch.setattr(launch, "description", lambda plan: "all the same")
    products = product("%a", "%b", "%u"), product("%a", "%b", "%o", after=SCALED)
    with settings.scope(VERIFY="all"), pytest.raises(InternalError, match="of one description"):
        lowered(*products)
