"""What is worth measuring: cheap candidates that differ, those of other tiles among them."""

from __future__ import annotations

import pytest

from pharos.params.blocking import Extents, Unit, cycles
from pharos.params.candidates import MOST, ranked
from pharos.params.contractions import TILE, best_blocks, problems, ranked_blocks
from pharos.params.matrix_blocks import matrix_candidates, matrix_problems
from pharos.pipeline import Candidate

UNIT = Unit(16, 4, 32, 48 << 10, 2 << 20, 16 << 20, 2)


def one(cost: float, mr: int, kc: int) -> Candidate:
    return Candidate({"mr": mr, "kc": kc}, cost)


def test_neighbours_of_what_is_cheaper_are_left_out_and_so_is_what_is_dear():
    found = ranked([one(3, 8, 110), one(1, 8, 100), one(1.4, 8, 130), one(1.2, 9, 90)], ["mr"])
    assert [dict(c.values) for c in found] == [{"mr": 8, "kc": 100}, {"mr": 8, "kc": 130}]


def test_every_second_one_has_another_tile_while_there_are_any():
    same = [one(1 + n / 100, 8, 2**n) for n in range(4)]
    found = ranked([*same, one(1.4, 4, 1), one(1.3, 2, 1)], ["mr"])
    assert [c.values["mr"] for c in found] == [8, 2, 8, 4, 8, 8]


@pytest.mark.parametrize("work", [(1, 2048, 2048, 2048), (3, 5, 7, 100), (1, 4, 4096, 2048)])
def test_blocks_are_legal_and_the_choice_is_first(work):
    extents = Extents(*work)
    found = ranked_blocks(extents, UNIT)
    assert found[0].cycles == pytest.approx(cycles(extents, best_blocks(extents, UNIT), UNIT))
    assert all(problems(c.values, UNIT) == [] for c in found)
    assert len(found) <= MOST and len({tuple(c.values[n] for n in TILE) for c in found}) > 1


def test_matrix_tiles_are_legal():
    found = ranked(matrix_candidates(Extents(1, 300, 2048, 2048), UNIT), TILE)
    assert len(found) > 4 and all(matrix_problems(c.values) == [] for c in found)
