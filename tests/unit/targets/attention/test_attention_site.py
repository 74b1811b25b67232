"""The attention operation, read from hand-written IR."""

from __future__ import annotations

import pytest

from pharos.core.errors import UserError
from pharos.ir import new_context, parse, verify
from pharos.ir.bindings import dialect, mlir
from pharos.targets.common.attention.site import attention_sites, read_attention
from pharos.targets.common.nests import index

PLAIN = "%c = arith.constant 0.125 : f32\n %t = arith.mulf %s, %c : f32"
CAUSAL = """
 %c = arith.constant 0.125 : f32
 %x = arith.mulf %s, %c : f32
 %low = arith.constant 0xFF800000 : f32
 %m = linalg.index 2 : index
 %n = linalg.index 3 : index
 %shift = arith.constant 4 : index
 %last = arith.addi %m, %shift : index
 %seen = arith.cmpi sle, %n, %last : index
 %t = arith.select %seen, %x, %low : f32"""
BIASED = """
 %b = arith.extf %e0 : bf16 to f32
 %x = arith.addf %s, %b : f32
 %low = arith.constant 0xFF800000 : f32
 %t = arith.select %e1, %x, %low : f32"""


def attention(
    body: str,
    attribute: str = '{empty_rows = "nan"}',
    extras: tuple[tuple[str, str, str], ...] = (),
    dtype: str = "f32",
    query: str = "memref<2x3x5x8x{},strided<[120,8,24,1],offset:4>>",
    maps: tuple[str, str] = ("b, h, m, k", "b, n, k"),
) -> str:
    """A function with one attention: 2 batches, 3 heads that share keys, 5 queries, 9 keys."""
    query = query.format(dtype)
    loops = "(b, h, m, n, k, v)"
    names = [f"%x{i}" for i in range(len(extras))]
    widen = (
        "%s = arith.mulf %q, %k : f32"
        if dtype == "f32"
        else f"%qw = arith.extf %q : {dtype} to f32\n %kw = arith.extf %k : {dtype} to f32\n"
        " %s = arith.mulf %qw, %kw : f32"
    )
    types = [query, f"memref<2x9x8x{dtype}>", f"memref<2x9x6x{dtype}>", *(e[0] for e in extras)]
    out = f"memref<2x3x5x6x{dtype}>"
    arguments = ", ".join(
        f"{n}: {t}" for n, t in zip(["%Q", "%K", "%V", *names], types, strict=True)
    )
    reached = [maps[0], maps[1], "b, n, v", *(e[2] for e in extras), "b, h, m, v"]
    listed = ", ".join(f"affine_map<{loops} -> ({one})>" for one in reached)
    inner = "".join(f", %e{i}: {e[1]}" for i, e in enumerate(extras))
    sink = f"pharos.softmax_weighted_sum_{dtype}"
    return f"""
func.func private @{sink}(f32, {dtype}, {dtype}) -> {dtype}
func.func @f({arguments}, %out: {out}) {{
  linalg.generic {{indexing_maps = [{listed}],
    iterator_types = ["parallel", "parallel", "parallel", "reduction", "reduction", "parallel"],
    pharos.attention = {attribute}, pharos.params = {{block_m = 64 : i64}}}}
    ins({", ".join(["%Q", "%K", "%V", *names])} : {", ".join(types)}) outs(%out : {out}) {{
  ^bb0(%q: {dtype}, %k: {dtype}, %v: {dtype}{inner}, %o: {dtype}):
    {widen}
    {body}
    %r = func.call @{sink}(%t, %v, %o) : (f32, {dtype}, {dtype}) -> {dtype}
    linalg.yield %r : {dtype}
  }}
  return
}}"""


def read(text: str):
    context = new_context()
    module = parse(text, context=context)
    verify(module)
    (site,) = attention_sites(module)
    return module, site


def test_sizes_strides_and_parameters():
    _, site = read(attention(PLAIN))
    assert site.sizes == (2, 3, 5, 9, 8, 6)
    assert (site.batch, site.m, site.n, site.dk, site.dv) == ((0, 1), 2, 3, 4, 5)
    assert (site.batches, site.static, site.empty_rows) == (6, True, "nan")
    assert [site.q.stride(loop) for loop in range(6)] == [120, 8, 24, 0, 1, 0]
    assert (site.q.offset, site.k.offset) == (4, 0)
    assert [site.k.stride(loop) for loop in range(6)] == [72, 0, 0, 8, 1, 0]
    assert not site.v.uses(1) and site.out.uses(1)
    assert site.params == {"block_m": 64}
    assert (site.causal, site.window) == (None, None)


def test_a_scale_alone_is_a_plain_score():
    _, site = read(attention(PLAIN))
    assert site.score.plain and site.score.factor == 0.125
    assert site.score.places == () and site.score.used == ()


def test_unknown_sizes_are_none():
    text = attention(PLAIN, query="memref<2x3x?x8x{}>").replace("memref<2x3x5x6", "memref<2x3x?x6")
    _, site = read(text)
    assert site.sizes == (2, 3, None, 9, 8, 6) and not site.static


def emitted(module, site, shape, **options) -> str:
    """The score of an argument, in a function of its own; ``shape`` is None for a scalar."""
    f32, at = mlir.F32Type.get(module.context), mlir.IndexType.get(module.context)
    with module.context, mlir.Location.unknown(), mlir.InsertionPoint(module.body):
        made = (lambda t: mlir.VectorType.get(shape, t)) if shape else (lambda t: t)
        elements = [made(mlir.MemRefType(e.type).element_type) for e in site.extras]
        # Queries by a scalar, keys by a vector.
        kinds = [made(f32), at, made(at), *elements]
        function = dialect("func").FuncOp("score", (kinds, [made(f32)]))
        with mlir.InsertionPoint(function.add_entry_block()):
            s, m, n, *extras = function.arguments
            place = {site.m: m, site.n: n}
            t = site.score.emit(s, place.__getitem__, extras.__getitem__, **options)
            dialect("func").ReturnOp([t])
    verify(module)
    return str(function)


@pytest.mark.parametrize("shape", [None, [8], [4, 8]])
def test_a_causal_score_on_scalars_and_vectors(shape):
    module, site = read(attention(CAUSAL, "{causal = 4 : i64}"))
    assert not site.score.plain and site.score.factor == 0.125
    assert site.score.places == (site.m, site.n)
    text = emitted(module, site, shape)
    assert "arith.cmpi sle" in text and "arith.select" in text
    assert ("vector<4x8xf32>" in text) == (shape == [4, 8])


def test_what_the_band_settles_is_not_compared():
    module, site = read(attention(CAUSAL, "{causal = 4 : i64}"))
    text = emitted(module, site, [8], band=(4, None), scaled=True)
    assert "cmpi" not in text and "mulf" not in text
    assert "cmpi" in emitted(*read(attention(CAUSAL, "{causal = 5 : i64}")), [8], band=(5, None))


def test_extras_have_their_own_types():
    extras = (("memref<5x9xbf16>", "bf16", "m, n"), ("memref<9xi1>", "i1", "n"))
    module, site = read(attention(BIASED, extras=extras))
    assert site.score.used == (0, 1) and site.score.factor == 1
    assert site.extras[1].loops == (3,) and site.extras[0].stride(site.m) == 9
    text = emitted(module, site, [8])
    assert "arith.extf %" in text and "vector<8xi1>" in text


def test_narrow_factors():
    _, site = read(attention(PLAIN, dtype="bf16"))
    assert {o.dtype for o in site.operands} == {"bf16"}
    assert site.score.plain


def test_keys_of_rows_and_open_tiles():
    module, site = read(attention(CAUSAL, "{causal = 4 : i64, window = 3 : i64}"))
    with module.context, mlir.Location.unknown(), mlir.InsertionPoint(module.body):
        found = [
            [index.known(side(index.constant(row))) for side in (site.first_key, site.end_key)]
            for row in range(9)
        ]
    assert found == [[min(9, r + 2), min(9, r + 5)] for r in range(9)]
    seen = [{n for n in range(9) if r + 2 <= n <= r + 4} for r in range(9)]
    for m in range(5):
        for n in range(9):
            rows, keys = range(m, min(m + 2, 5)), range(n, min(n + 2, 9))
            whole = all(k in seen[r] for r in rows for k in keys)
            bounds = (rows.start, rows.stop), (keys.start, keys.stop)
            assert site.open_tile(*bounds) == whole


WITH_DEPTH = attention(PLAIN, extras=(("memref<8xf32>", "f32", "k"),))
ADDED_TO = attention(PLAIN).replace("%r = func.call", "%r0 = func.call")
ADDED_TO = ADDED_TO.replace("linalg.yield %r", "%r = arith.addf %r0, %o : f32\n linalg.yield %r")
REDUCED = attention(PLAIN).replace('"reduction", "parallel"]', '"reduction", "reduction"]')


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (attention("%t = arith.addf %s, %v : f32"), "a body of q * k"),
        (ADDED_TO, "a body of q * k"),
        (WITH_DEPTH, "operand 3 over loops of its own"),
        (REDUCED, "reductions over keys and depth"),
    ],
)
def test_broken_forms_are_refused_with_their_place(text, expected):
    with pytest.raises(UserError) as caught:
        read(text)
    assert expected in caught.value.message and caught.value.span is not None


def test_keys_may_be_transposed():
    text = attention(PLAIN, maps=("b, h, m, k", "b, k, n")).replace("2x9x8", "2x8x9")
    _, site = read(text)
    assert site.k.stride(site.n) == 1 and site.k.stride(site.dk) == 9


def test_other_operations_are_none():
    module = parse("func.func @f() { return }")
    assert read_attention(module.body.operations[0].operation) is None
    text = attention(PLAIN).replace("pharos.attention", "other.attention")
    assert list(attention_sites(parse(text))) == []
