"""Parameters of loop kernels from the facts of a chip."""

from types import SimpleNamespace

from pharos.params.gpu_loops import gpu_loops


def facts(**changes):
    known = {"subgroup_size": 32, "max_block": 1024, "static_shared": 49152, "compute_units": 132}
    return SimpleNamespace(**{**known, **changes})


def test_what_the_chip_has_is_told():
    assert gpu_loops(None, facts()) == {
        "subgroup_size": 32,
        "block": 256,
        "max_block": 1024,
        "vector_bytes": 16,
        "shared": 49152,
        "compute_units": 132,
    }


def test_a_block_is_no_larger_than_the_chip_allows():
    assert gpu_loops(None, facts(max_block=128))["block"] == 128
