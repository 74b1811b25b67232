"""Tiles of attention kernels: legal for every size, and refused with the constraint they break."""

from __future__ import annotations

import dataclasses

import pytest

from pharos.params import gpu_attention
from pharos.params.amd_contractions import machine_of as amd_machine
from pharos.params.nvidia_contractions import machine_of as nvidia_machine
from pharos.targets.amd import attention as amd
from pharos.targets.amd.facts import CHIPS as AMD
from pharos.targets.common.attention.gpu_tiles import AttentionTiles, HeadSizes, problems
from pharos.targets.nvidia import attention as nvidia
from pharos.targets.nvidia.facts import CHIPS as NVIDIA

SIZES = [(1, 1), (1, 4096), (7, 3), (17, 96), (127, 1000), (1000, 127), (4096, 4096)]
DEPTHS = [(32, 32), (40, 64), (64, 64), (96, 33), (128, 128), (192, 128), (256, 256)]


def work_of(chip, dtype, sizes):
    """The work, and the machine that does it."""
    if chip in NVIDIA:
        facts = NVIDIA[chip]
        unit, limits, machine = nvidia.head_unit(dtype), nvidia.limits_of(facts), nvidia_machine
    else:
        facts = AMD[chip]
        unit, limits, machine = amd.head_unit(dtype, facts), amd.limits_of(facts), amd_machine
    return gpu_attention.Work(sizes, unit, limits, 512, 64, 1.0), machine(facts)


@pytest.mark.parametrize("chip", [*NVIDIA, *AMD])
@pytest.mark.parametrize("dtype", ["f32", "f16"])
def test_every_size_gets_legal_tiles(chip, dtype):
    for number, (rows, keys) in enumerate(SIZES):
        dk, dv = DEPTHS[number]
        work, machine = work_of(chip, dtype, HeadSizes(12, rows, keys, dk, dv))
        tiles = gpu_attention.best(work, machine)
        assert not problems(tiles, work.sizes, work.unit, work.limits), (work, tiles)


def test_few_queries_of_many_keys_are_split_and_many_blocks_are_not():
    work, machine = work_of("sm_90a", "f16", HeadSizes(12, 1, 4096, 64, 64))
    assert gpu_attention.best(work, machine).splits > 1
    work, machine = work_of("sm_90a", "f16", HeadSizes(32, 2048, 2048, 64, 64))
    assert gpu_attention.best(work, machine).splits == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"subgroup_rows": 8}, "subgroup_rows = 8 is not a multiple of 16, the rows of a matrix"),
        ({"query_rows": 40}, "query_rows = 40 is not a multiple of 16, the subgroup_rows"),
        ({"head_tile": 24}, "head_tile = 24 is not a multiple of 16"),
        ({"key_tile": 0}, "key_tile = 0 is not a positive number"),
        ({"stages": 1}, "stages = 1 leaves no chunk"),
        ({"splits": 9}, "splits = 9 is more than the 4 tiles of keys"),
        ({"query_rows": 1024}, "64 subgroups are 2048 work-items of 1024"),
        ({"subgroup_rows": 64}, "registers of 255"),
        ({"key_tile": 128, "stages": 12}, "bytes of shared memory of 166912"),
    ],
    ids=str,
)
def test_illegal_tiles_are_refused_with_the_constraint(change, reason):
    work, _ = work_of("sm_80", "f16", HeadSizes(2, 256, 128, 64, 64))
    tiles = dataclasses.replace(AttentionTiles(64, 16, 32, 64, 2, 1), **change)
    assert reason in "; ".join(problems(tiles, work.sizes, work.unit, work.limits))
