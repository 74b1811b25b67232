"""Tiles of products on Intel GPUs: legal for every size, chosen without ties, explained."""

import itertools

import pytest

from pharos.params import xegpu_tiles
from pharos.params.xegpu_tiles import Tiles, Work, best, cycles, explained, problems, rank
from pharos.targets.xegpu.facts import CHIPS

BMG, PVC = CHIPS["bmg"], CHIPS["pvc"]
# The last four have no configuration where tiles must divide sizes.
SIZES = [
    (4096, 4096, 4096),
    (1024, 64, 1024),
    (8, 4096, 4096),
    (5, 7, 9),
    (4, 4, 1),
    (100, 100, 100),
    (512, 512, 16),
    (4096, 1000, 512),
    (8205, 5921, 2949),
]


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("size", SIZES, ids=lambda s: "x".join(map(str, s)))
def test_every_size_has_legal_tiles(size, chip):
    tiles = best(Work(1, *size, 4), chip)
    assert problems(tiles.values(), CHIPS[chip]) == []


def test_no_two_tiles_rank_the_same():
    work = Work(1, 4096, 4096, 4096, 4)
    found = [t for t in xegpu_tiles._candidates(work, {}) if not problems(t.values(), BMG)]
    ranks = [rank(t, work, BMG) for t in found]
    assert len(set(ranks)) == len(found)
    assert len({first for first, *_ in ranks}) > 500


def test_large_products_share_what_they_load():
    tiles = best(Work(1, 4096, 4096, 4096, 4), "bmg")
    assert tiles.wg_m * tiles.wg_n >= 128 * 128
    assert tiles.prefetch > 0


def test_small_products_spread_over_the_chip():
    work = Work(1, 256, 256, 256, 4)
    for chip in CHIPS:
        assert xegpu_tiles.workgroups(best(work, chip), work) >= 16


def test_few_rows_get_few_rows():
    assert best(Work(1, 8, 4096, 4096, 2), "bmg").sg_m == 8


@pytest.mark.parametrize("fixed", [{"sg_m": 16}, {"wg_m": 64, "wg_n": 64}, {"prefetch": 0}])
def test_fixed_values_stay(fixed):
    tiles = best(Work(1, 512, 512, 512, 4), "pvc", tuple(fixed.items()))
    assert {name: getattr(tiles, name) for name in fixed} == fixed
    assert problems(tiles.values(), PVC) == []


def test_values_that_fit_nothing_are_kept_for_the_check_to_refuse():
    tiles = best(Work(1, 512, 512, 512, 4), "bmg", (("sg_m", 12),))
    assert tiles.sg_m == 12
    assert any("rows of dpas" in line for line in problems(tiles.values(), BMG))


def test_waves_are_whole():
    # 20 cores: the 641st tile of 1 workgroup per thread group begins another round.
    tiles = Tiles(256, 256, 64, 32, 32, 32, 32, 1)
    full = Work(1, 256 * 20, 256, 4096, 4)
    more = Work(1, 256 * 20 + 1, 256, 4096, 4)
    assert cycles(tiles, more, BMG) > 1.5 * cycles(tiles, full, BMG)


def test_prefetching_hides_the_way_to_memory():
    work = Work(1, 512, 512, 4096, 4)
    costs = [cycles(Tiles(64, 64, 32, 32, 32, 32, 32, p), work, BMG) for p in (0, 1, 2)]
    assert costs[0] > costs[1] >= costs[2]


def test_memory_bounds_what_is_read_once():
    work = Work(1, 8, 8192, 8192, 2)
    least = work.k * work.n * 2 / BMG.bandwidth * BMG.clock
    assert cycles(best(work, "bmg"), work, BMG) >= least


def test_the_reason_is_told():
    work = Work(1, 4096, 4096, 4096, 4)
    text = explained(best(work, "bmg"), work, BMG)
    assert "of 256 registers" in text
    assert "% of peak estimated" in text
    share = int(text.rsplit(",", 1)[1].strip().split("%")[0])
    assert 50 < share <= 100


def test_costs_grow_with_the_work():
    tiles = Tiles(128, 128, 32, 32, 32, 32, 32, 1)
    for m, n, k in itertools.product((128, 2560), repeat=3):
        base = cycles(tiles, Work(1, m, n, k, 4), BMG)
        assert cycles(tiles, Work(8, m, n, k, 4), BMG) >= base
        assert cycles(tiles, Work(1, m, n, 4 * k, 4), BMG) > base
