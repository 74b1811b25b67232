"""Tiles of attention on Intel GPUs: legal for every size, and refused when they are not."""

import itertools
from types import SimpleNamespace

import pytest

from pharos.params.xegpu_attention import choice_of, work_of
from pharos.params.xegpu_attention_tiles import Work, best, cycles, explained
from pharos.payload import Attention
from pharos.targets.xegpu.attention.tiles import Tiles, problems
from pharos.targets.xegpu.facts import CHIPS

HALF = ("f16", "f16", "f16")


def motif(**more):
    given = {
        "batch": 8, "queries": 128, "keys": 128, "depth": 64, "value_depth": 64, "mask": "none",
        "dtype": "f16", "stored": HALF, "operation": None, "key": "attention_1",
    }  # fmt: skip
    return Attention(**{**given, **more})


def chosen(one, chip="bmg", **fixed):
    choice = choice_of(one, SimpleNamespace(chip=chip))
    return {name: found.value for name, found in choice.choose(fixed).items()}


@pytest.mark.parametrize("chip", CHIPS)
def test_every_size_gets_legal_tiles(chip):
    for m, n, depth in itertools.product((1, 17, 1000), (1, 127, 4096), (1, 40, 64, 128, 256)):
        tiles = best(Work(3, m, n, depth, depth), chip)
        assert problems(tiles.values(), depth, depth, CHIPS[chip]) == [], (m, n, depth)


def test_what_the_kernels_do_not_take_keeps_its_standard_form():
    facts = SimpleNamespace(chip="bmg")
    for refused in (
        motif(stored=("f32", "f16", "f16")),
        motif(keys=None),
        motif(depth=512),
        motif(obstacle="its weights are used twice"),
        motif(extras=("f64",)),
    ):
        assert choice_of(refused, facts) is None


def test_attention_of_f32_runs_on_multiply_adds():
    for queries, keys, depth in itertools.product((1, 17, 1000), (1, 127), (1, 64, 128)):
        one = motif(queries=queries, keys=keys, depth=depth, stored=("f32",) * 3, dtype="f32")
        choice = choice_of(one, SimpleNamespace(chip="bmg"))
        values = {name: found.value for name, found in choice.choose({}).items()}
        assert "query_rows" in values and choice.problems(values) == []


def test_values_that_are_given_are_kept_and_illegal_ones_named():
    assert chosen(motif(), keys=32, splits=2)["keys"] == 32
    choice = choice_of(motif(), SimpleNamespace(chip="bmg"))
    broken = choice.problems({**chosen(motif()), "keys": 24})
    assert broken == ["keys = 24 is not a multiple of the columns of dpas = 16"]


def test_heads_that_share_keys_are_the_rows_of_a_single_query():
    assert work_of(motif(queries=1, shared=4)) == Work(2, 4, 128, 64, 64)
    assert work_of(motif(mask="causal")).seen == 0.5


def test_long_keys_of_few_queries_are_split_where_cores_are_idle():
    alone, split = (Tiles(8, 8, 64, 32, 1, splits) for splits in (1, 16))
    work = Work(1, 1, 1 << 17, 128, 128)
    assert cycles(split, work, CHIPS["pvc"]) < cycles(alone, work, CHIPS["pvc"])
    assert best(work, "pvc").splits > 1
    assert best(Work(512, 1, 4096, 128, 128), "pvc").splits == 1


def test_masks_of_bytes_leave_room_for_their_places():
    plain, masked = Work(1, 1024, 1024, 64, 64), work_of(motif(queries=1024, extras=("i1",)))
    assert masked.gathered == 1
    with_mask = best(Work(1, 1024, 1024, 64, 64, gathered=1), "bmg")
    facts = CHIPS["bmg"]
    assert best(plain, "bmg").registers(64, 64, facts, 1) > facts.thread_registers
    assert with_mask.registers(64, 64, facts, 1) < facts.thread_registers


def test_many_rows_share_what_a_workgroup_loads():
    assert best(Work(16, 4096, 4096, 64, 64), "bmg").rows >= 64
    assert "of peak estimated" in explained(
        Tiles(64, 8, 32, 32), Work(1, 64, 64, 64, 64), CHIPS["bmg"]
    )
