"""Products in a loop that does not change one factor: its panels are made before the loop."""

from __future__ import annotations

import numpy as np
import pytest

from pharos.toolchain import Request, compile, load, lower, mlir_payload

STEPS, ROWS, COLUMNS, INNER = 5, 7, 83, 70
WIDTHS = {"256 bits": (256, 16), "512 bits": (512, 32)}


def parameters(width: str = "512 bits", threads: int = 2) -> dict[str, int]:
    bits, registers = WIDTHS[width]
    return {"simd_bits": bits, "registers": registers, "threads": threads, "grain": 1000}


def program(
    *, form: str = "nk", inside: str = "", rows: int = ROWS, columns: int = COLUMNS, w: str = "%w"
) -> str:
    """y[t] = x[t] * w for all t, ``inside`` the loop before each product."""
    shape = {"nk": f"{columns}x{INNER}", "kn": f"{INNER}x{columns}"}[form]
    x, y = (f"memref<{STEPS}x{rows}x{n}xf32>" for n in (INNER, columns))
    slice_ = "strided<[{0}, 1], offset: ?>"
    xt, yt = (f"memref<{rows}x{n}xf32, {slice_.format(n)}>" for n in (INNER, columns))
    weights = f"memref<{shape}xf32>"
    return f"""
func.func @f(%x: {x} {{llvm.noalias}}, %w: {weights}, %y: {y} {{llvm.noalias}}, %o: {weights}) {{
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %steps = arith.constant {STEPS} : index
  %zero = arith.constant 0.0 : f32
  scf.for %t = %c0 to %steps step %c1 {{
    %xt = memref.subview %x[%t, 0, 0] [1, {rows}, {INNER}] [1, 1, 1] : {x} to {xt}
    %yt = memref.subview %y[%t, 0, 0] [1, {rows}, {columns}] [1, 1, 1] : {y} to {yt}
    linalg.fill ins(%zero : f32) outs(%yt : {yt})
    {inside}
    linalg.generic {{indexing_maps = [affine_map<(m, n, k) -> (m, k)>,
        affine_map<(m, n, k) -> ({", ".join(form)})>, affine_map<(m, n, k) -> (m, n)>],
        iterator_types = ["parallel", "parallel", "reduction"]}}
        ins(%xt, {w} : {xt}, {weights}) outs(%yt : {yt}) {{
    ^bb0(%p: f32, %q: f32, %s: f32):
      %m = arith.mulf %p, %q : f32
      %z = arith.addf %s, %m : f32
      linalg.yield %z : f32
    }}
  }}
  return
}}"""


def lowered(text: str) -> str:
    request = Request(parameters=parameters(), driving={"stop_after": "packed-contractions"})
    return str(lower(mlir_payload(text), request).module)


def run(text: str, w: np.ndarray, o: np.ndarray, width: str = "512 bits", rows: int = ROWS):
    """The result, from a poisoned array, and ``x``."""
    compiled = load(compile(mlir_payload(text), Request(parameters=parameters(width))))
    x = np.random.default_rng(1).standard_normal((STEPS, rows, INNER), dtype=np.float32)
    columns = next(iter(set(w.shape) - {INNER}))
    y = np.full((STEPS, rows, columns), np.nan, np.float32)
    compiled.call("f", x, w, y, o)
    return y, x


def weights(form: str = "nk", columns: int = COLUMNS) -> np.ndarray:
    shape = (columns, INNER) if form == "nk" else (INNER, columns)
    return np.random.default_rng(2).standard_normal(shape, dtype=np.float32)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("form", ["nk", "kn"])
@pytest.mark.parametrize("rows", [4, 7, 10, 33])
def test_panels_are_made_before_the_loop_and_results_are_right(form, rows, width):
    text = program(form=form, rows=rows)
    before, _, after = lowered(text).partition("scf.for")
    assert "_ahead" in before and "_ahead" not in after.partition("return")[0]
    w = weights(form)
    y, x = run(text, w, np.zeros_like(w), width, rows)
    exact = x.astype(np.float64) @ (w.T if form == "nk" else w)
    np.testing.assert_allclose(y, exact, rtol=1e-4, atol=1e-4)


def test_the_cut_factor_may_be_the_left_one():
    text = program(form="kn", rows=150, columns=16)
    assert "_ahead" not in lowered(text), "it is x, which is another slice in each turn"
    w = weights("kn", 16)
    y, x = run(text, w, np.zeros_like(w), rows=150)
    np.testing.assert_allclose(y, x.astype(np.float64) @ w, rtol=1e-4, atol=1e-4)


STORE = """%bit = arith.constant 2.0 : f32
    memref.store %bit, {0}[%t, %t] : memref<83x70xf32>"""
COPY = "memref.copy {0}, {1} : memref<83x70xf32> to memref<83x70xf32>"


@pytest.mark.parametrize(
    "inside",
    [
        STORE.format("%w"),
        STORE.format("%o"),
        COPY.format("%o", "%w"),
        "affine.store %zero, %w[0, 0] : memref<83x70xf32>",
    ],
    ids=["stored to", "another argument may be it", "copied to", "stored to by affine"],
)
def test_a_factor_that_the_loop_may_change_is_packed_in_each_turn(inside):
    assert "_ahead" not in lowered(program(inside=inside))


def test_what_reads_the_factor_does_not_change_it():
    mine = "%mine = memref.alloc() : memref<83x70xf32>\n    "
    assert "_ahead" in lowered(program(inside=mine + COPY.format("%w", "%mine")))


def test_a_factor_of_a_product_on_a_condition_is_packed_there():
    text = program(inside="%yes = arith.cmpi eq, %t, %c0 : index\n    scf.if %yes {")
    assert "_ahead" not in lowered(text.replace("  }\n  return", "  }\n  }\n  return"))


def test_results_are_right_where_another_argument_is_the_factor():
    text, w = program(inside=STORE.format("%o")), weights()
    kept = w.copy()
    y, x = run(text, w, w)
    for t in range(STEPS):
        kept[t, t] = 2
        np.testing.assert_allclose(y[t], x[t] @ kept.T, rtol=1e-4, atol=1e-4)


def test_a_factor_made_in_the_loop_is_packed_there():
    inside = "%v = memref.alloc() : memref<83x70xf32>\n    " + COPY.format("%w", "%v")
    text = program(inside=inside, w="%v")
    assert "_ahead" not in lowered(text)
    w = weights()
    y, x = run(text, w, np.zeros_like(w))
    np.testing.assert_allclose(y, x.astype(np.float64) @ w.T, rtol=1e-4, atol=1e-4)


def test_panels_are_made_before_all_loops_that_leave_the_factor_alone():
    text = program().replace(
        "  scf.for %t", "  scf.for %again = %c0 to %steps step %c1 {\n  scf.for %t"
    )
    text = text.replace("  return", "  }\n  return")
    before, _, after = lowered(text).partition("scf.for")
    assert "_ahead" in before and "_ahead" not in after.partition("return")[0]
    w = weights()
    y, x = run(text, w, np.zeros_like(w))
    np.testing.assert_allclose(y, x.astype(np.float64) @ w.T, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("given", "ahead"), [("%w", False), ("%o", False), ("%own", True)])
def test_a_function_may_change_what_it_is_given(given, ahead):
    array = "memref<83x70xf32>"
    text = program(
        inside=f"%own = memref.alloc() : {array}\n    func.call @g({given}) : ({array}) -> ()"
    )
    text += f"\nfunc.func private @g(%a: {array}) {{\n  %one = arith.constant 1.0 : f32\n"
    text += f"  linalg.fill ins(%one : f32) outs(%a : {array})\n  return\n}}"
    assert ("_ahead" in lowered(text)) == ahead


@pytest.mark.parametrize(
    "declared",
    [
        "func.func private @g()",
        """func.func private @g() { func.call @h() : () -> () return }
        func.func private @h()""",
        """func.func private @g() {
          %two = arith.constant 2.0 : f32
          %address = arith.constant 4096 : i64
          %pointer = llvm.inttoptr %address : i64 to !llvm.ptr
          llvm.store %two, %pointer : f32, !llvm.ptr
          return
        }""",
    ],
    ids=["unknown", "calls an unknown one", "by address"],
)
def test_a_function_may_reach_the_factor_by_itself(declared):
    text = program(inside="func.call @g() : () -> ()")
    assert "_ahead" not in lowered(f"{text}\n{declared}")
