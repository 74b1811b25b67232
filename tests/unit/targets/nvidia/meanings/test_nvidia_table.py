"""The table of meanings as a whole: sources, one meaning for a spelling, the page in docs."""

from pathlib import Path

import pytest

from pharos.targets.nvidia.meanings.listing import page, readable
from pharos.targets.nvidia.meanings.table import TABLE

PAGE = Path(__file__).parents[5] / "docs" / "nvidia-instructions.md"
# What MLIR's passes and the writers of kernels print, one of each kind.
SPELLINGS = [
    "read.ptx.sreg.tid.x",
    "read.ptx.sreg.nctaid.z",
    "shfl.sync.bfly.f32",
    "shfl.sync.up.f32p",
    "vote.ballot.sync",
    "match.any.sync.i32",
    "redux.sync.add",
    "elect.sync",
    "barrier.cta.sync.aligned.all",
    "barrier.cta.sync.aligned.count",
    "barrier.cta.arrive.aligned.count",
    "membar.gl",
    "fence.proxy.async.shared_cta",
    "fence.mbarrier_init.release.cluster",
    "setmaxnreg.dec.sync.aligned.u32",
    "ex2.approx.f",
    "ex2.approx.ftz.f32",
    "rcp.approx.ftz.f",
    "rsqrt.approx.f",
    "mma.m16n8k16.row.col.f32.f32",
    "mma.m16n8k8.row.col.tf32",
    "mma.m16n8k16.row.col.bf16",
    "mma.m16n8k32.row.col.s8",
    "ldmatrix.sync.aligned.m8n8.x4.b16.p3",
    "ldmatrix.sync.aligned.m8n8.x2.trans.b16.p3",
    "stmatrix.sync.aligned.m8n8.x2.b16.p3",
    "cp.async.cg.shared.global.16",
    "cp.async.ca.shared.global.4.s",
    "cp.async.commit.group",
    "cp.async.wait.group",
    "cp.async.wait.all",
    "mbarrier.init.shared",
    "mbarrier.arrive.shared",
    "mbarrier.arrive.expect.tx.scope.cta.space.cta",
    "mbarrier.try.wait.parity.scope.cta.space.cta",
    "mbarrier.test.wait.scope.cta.space.cta",
    "cp.async.bulk.global.to.shared.cluster",
    "cp.async.bulk.shared.cta.to.global",
    "cp.async.bulk.commit.group",
    "cp.async.bulk.wait.group.read",
    "cp.async.bulk.tensor.g2s.tile.2d",
    "cp.async.bulk.tensor.s2g.tile.3d",
    "wgmma.fence.sync.aligned",
    "wgmma.commit_group.sync.aligned",
    "wgmma.wait_group.sync.aligned",
    "griddepcontrol.wait",
]


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_has_exactly_one_meaning(name):
    found = [entry for entry in TABLE if entry.pattern.fullmatch(f"llvm.nvvm.{name}")]
    assert len(found) == 1


@pytest.mark.parametrize(
    "name",
    ["mma.m16n8k16.row.col.f16.f32", "mma.m8n8k4.row.col.f64", "shfl.sync.bfly.i64",
     "mma.m16n8k32.row.col.satfinite.s8", "mbarrier.arrive.drop.shared"],
)  # fmt: skip
def test_what_is_not_covered_is_not_taken_for_something_else(name):
    assert TABLE.find(f"llvm.nvvm.{name}") is None


def test_every_meaning_names_its_section():
    books = ("PTX ISA 9.0, ", "PTX Interoperability, ")
    assert all(entry.source.startswith(books) for entry in TABLE)


def test_the_page_in_docs_is_what_the_table_says():
    """`python -m pharos.targets.nvidia.meanings.listing > docs/nvidia-instructions.md`."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_patterns_as_people_read_them():
    assert readable(r"llvm\.nvvm\.vote\.(?P<what>all|any)\.sync") == "vote.{all,any}.sync"
    assert readable(r"llvm\.nvvm\.cp\.(?:ca|cg)\.(?P<size>4|8)(?P<some>\.s)?") == (
        "cp.{ca,cg}.{4,8}[.s]"
    )
    assert readable(r"(?:@\$\d+\s+)?prefetch\.tensormap\s+\[\$\d+\];") == "asm prefetch.tensormap"
