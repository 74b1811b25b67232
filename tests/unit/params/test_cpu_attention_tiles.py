"""The model of attention on a CPU: what it prefers, and that all sizes get legal tiles."""

from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from pharos.core.errors import UserError
from pharos.params.cpu_attention import Machine, Work, best, cycles, problems
from pharos.targets.cpu.contractions.units import AMX, DOT, MultiplyUnit
from pharos.toolchain import Request, lower, make_plan, mlir_payload
from pharos.toolchain.front_ends import builder_payload

SERVER = Machine(lanes=16, registers=32, threads=2, l1=32 << 10, l2=1 << 20)
LAPTOP = Machine(lanes=8, registers=16, threads=8, l1=32 << 10, l2=256 << 10)
SMALL = Machine(lanes=4, registers=16, threads=1, l1=32 << 10, l2=256 << 10)


@pytest.mark.parametrize("machine", [SERVER, LAPTOP, SMALL], ids=str)
def test_every_size_gets_legal_tiles(machine: Machine) -> None:
    sizes = (1, 8, 9, 127, 16384)
    for queries, keys, depth in itertools.product(sizes, sizes, (1, 64, 4096)):
        work = Work(3, queries, keys, depth, depth, 2, 1, causal=queries % 2 == 0)
        tiles = best(work, machine)
        assert problems(vars(tiles), work, machine) == [], (work, tiles)


def test_tiles_as_measured() -> None:
    """On Cascade Lake 64 rows and 80 keys were fastest for depth 64; scores of 64 KiB lost 3%."""
    tiles = best(Work(12, 1024, 1024, 64, 64, 4), SERVER)
    assert (tiles.query_tile, tiles.key_tile) == (64, 80)
    assert 4 * tiles.query_tile * tiles.key_tile <= SERVER.l1


@pytest.mark.parametrize(("queries", "depth"), [(256, 512), (512, 512), (512, 1024)])
def test_deep_heads_as_measured(queries: int, depth: int) -> None:
    """Blocks of 64 queries and tiles of 32 rows lost 10 to 40%: keys are read for too few."""
    tiles = best(Work(16, queries, queries, depth, depth, 4), SERVER)
    assert tiles.query_tile == 64
    assert tiles.query_block == queries


def test_more_keys_take_longer() -> None:
    for queries in (1, 100):
        works = [Work(4, queries, keys, 64, 64, 4) for keys in (100, 1000, 10000)]
        taken = [cycles(best(work, SERVER), work, SERVER) for work in works]
        assert taken == sorted(taken)
        assert taken[0] < taken[1] < taken[2]


def test_keys_are_split_where_threads_would_wait() -> None:
    def splits(batches: int, keys: int, queries: int = 1) -> int:
        return best(Work(batches, queries, keys, 128, 128, 4), LAPTOP).key_splits

    assert splits(1, 4096) == 8
    assert splits(32, 4096) == 1
    assert splits(1, 500) == 1, "too few keys to share"
    assert splits(1, 4096, queries=100) == 1


def test_causal_blocks_are_small_enough_to_share() -> None:
    plain, causal = (best(Work(1, 4096, 4096, 64, 64, 4, causal=c), LAPTOP) for c in (False, True))
    assert causal.query_block <= plain.query_block
    assert 4096 // causal.query_block >= 2 * LAPTOP.threads


def test_given_values_are_kept() -> None:
    work = Work(12, 1024, 1024, 64, 64, 4)
    tiles = best(work, SERVER, (("key_tile", 48), ("query_block", 96)))
    assert (tiles.key_tile, tiles.query_block) == (48, 96)
    assert problems(vars(tiles), work, SERVER) == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"query_tile": 40, "query_block": 80}, "query_tile = 40 is not a multiple of 16"),
        ({"query_tile": 512, "query_block": 512}, "needs 65 vector registers, there are 32"),
        ({"query_block": 100}, "query_block = 100 is not a multiple of query_tile = 64"),
        ({"key_tile": 20}, "key_tile = 20 is not a multiple of 16"),
        ({"key_splits": 2}, "key_splits = 2 with 1024 queries: keys are split for at most 8"),
        ({"threads": 0}, "threads = 0 is not an integer from 1 to"),
        ({"rows": 4}, "rows is no parameter of it"),
    ],
    ids=str,
)
def test_impossible_values_are_refused_with_the_constraint(values: dict, said: str) -> None:
    work = Work(12, 1024, 1024, 64, 64, 4)
    found = problems({**vars(best(work, SERVER)), **values}, work, SERVER)
    assert len(found) == 1
    assert said in found[0]


ATTENTION = """
func.func @f(%q: tensor<2x30x16xf32>, %k: tensor<2x40x16xf32>, %v: tensor<2x40x16xf32>)
    -> tensor<2x30x16xf32> {
  %zero = arith.constant 0.0 : f32
  %low = arith.constant 0xFF800000 : f32
  %es = tensor.empty() : tensor<2x30x40xf32>
  %er = tensor.empty() : tensor<2x30xf32>
  %eo = tensor.empty() : tensor<2x30x16xf32>
  %s0 = linalg.fill ins(%zero : f32) outs(%es : tensor<2x30x40xf32>) -> tensor<2x30x40xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(b, m, n, k) -> (b, m, k)>,
      affine_map<(b, m, n, k) -> (b, n, k)>, affine_map<(b, m, n, k) -> (b, m, n)>],
      iterator_types = ["parallel", "parallel", "parallel", "reduction"]}
      ins(%q, %k : tensor<2x30x16xf32>, tensor<2x40x16xf32>) outs(%s0 : tensor<2x30x40xf32>) {
  ^bb0(%a: f32, %b: f32, %c: f32):
    %m = arith.mulf %a, %b : f32
    %t = arith.addf %c, %m : f32
    linalg.yield %t : f32
  } -> tensor<2x30x40xf32>
  %w = linalg.softmax dimension(2) ins(%s : tensor<2x30x40xf32>) outs(%es : tensor<2x30x40xf32>)
      -> tensor<2x30x40xf32>
  %o0 = linalg.fill ins(%zero : f32) outs(%eo : tensor<2x30x16xf32>) -> tensor<2x30x16xf32>
  %o = linalg.batch_matmul ins(%w, %v : tensor<2x30x40xf32>, tensor<2x40x16xf32>)
      outs(%o0 : tensor<2x30x16xf32>) -> tensor<2x30x16xf32>
  return %o : tensor<2x30x16xf32>
}"""


@pytest.mark.parametrize("unit", [AMX, DOT], ids=str)
def test_pairs_of_bf16(unit: MultiplyUnit) -> None:
    """Faster than in f32, legal for every size, in whole pairs of registers of keys."""
    narrow = Work(12, 1024, 1024, 64, 64, 2)
    pairs = replace(narrow, unit=unit)
    fastest = best(pairs, SERVER)
    assert cycles(fastest, pairs, SERVER) < 0.7 * cycles(best(narrow, SERVER), narrow, SERVER)
    for queries, keys, depth in itertools.product((9, 127, 16384), (16, 127, 4096), (16, 64, 1000)):
        work = Work(3, queries, keys, depth, depth, 2, unit=unit)
        assert problems(vars(best(work, SERVER)), work, SERVER) == []
    found = problems({**vars(fastest), "key_tile": 80}, pairs, SERVER)
    assert found == [f"key_tile = 80 is not a multiple of 32, as {unit.name} needs"]


def test_what_multiplies_bf16_is_in_the_plan() -> None:
    def said(queries: int, dtype: str, unit: str) -> str:
        sizes = {"batch": 1, "heads": 2, "queries": queries, "keys": 64, "depth": 32}
        payload = builder_payload("attention", **sizes, dtype=dtype)
        values = {"simd_bits": 512, "registers": 32, "bf16_unit": unit}
        return make_plan(payload, Request(parameters=values)).explain()

    assert "pairs of bf16 by AMX, sums in 4 of 8 matrix tiles" in said(64, "bf16", "amx")
    assert "pairs of bf16 by avx512-bf16, sums in" in said(64, "bf16", "avx512-bf16")
    assert "multiplied in f32: few queries" in said(1, "bf16", "amx")
    assert "pairs of bf16" not in said(64, "bf16", "fma")
    assert "pairs of bf16" not in said(64, "f32", "amx")


def test_a_users_value_reaches_the_plan_and_an_impossible_one_is_an_error() -> None:
    payload = mlir_payload(ATTENTION)
    plan = make_plan(payload, Request(parameters={"attention.key_tile": 32})).explain()
    assert "key_tile = 32 (user)" in plan
    with pytest.raises(UserError, match="key_tile = 33 is not a multiple of 16"):
        make_plan(payload, Request(parameters={"attention.key_tile": 33}))


def test_a_users_value_reaches_the_operation() -> None:
    wanted = {"attention.key_tile": 32, "attention.query_tile": 16, "simd_bits": 512}
    driving = {"stop_after": "carried-parameters"}
    module = lower(mlir_payload(ATTENTION), Request(parameters=wanted, driving=driving)).module
    text = str(module)
    assert text.count("pharos.attention") == 1
    assert "key_tile = 32 : i64" in text
    assert "query_tile = 16 : i64" in text
