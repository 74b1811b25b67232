"""The table of meanings as a whole: one meaning for a spelling, sources, the page in docs."""

from pathlib import Path

import pytest

from pharos.targets.amd.meanings import TABLE
from pharos.targets.amd.meanings.listing import page

PAGE = Path(__file__).parents[5] / "docs" / "amd-instructions.md"
# What MLIR's passes print, one of each kind.
SPELLINGS = [
    "workitem.id.x",
    "workgroup.id.z",
    "mbcnt.lo",
    "mbcnt.hi",
    "ds.bpermute",
    "ds.swizzle",
    "readlane.i32",
    "readfirstlane.i32",
    "ballot.i64",
    "permlanex16.i32",
    "update.dpp.i32",
    "s.barrier",
    "s.waitcnt",
    "sched.barrier",
    "wmma.f32.16x16x16.f16.v8f32.v16f16",
    "wmma.f32.16x16x16.bf16.v8f32.v16i16",
    "mfma.f32.16x16x16f16",
    "mfma.f32.16x16x16bf16.1k",
    "mfma.f32.32x32x2f32",
    "make.buffer.rsrc.p8.p0",
    "raw.ptr.buffer.load.v4f32",
    "raw.ptr.buffer.atomic.fadd.f32",
    "rcp.f32",
]


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_has_exactly_one_meaning(name):
    found = [entry for entry in TABLE if entry.pattern.fullmatch(f"llvm.amdgcn.{name}")]
    assert len(found) == 1


@pytest.mark.parametrize(
    "name",
    ["wmma.f16.16x16x16.f16.v16f16.v16f16", "mfma.f32.32x32x4f16", "mfma.i32.16x16x32.i8",
     "implicitarg.ptr", "struct.ptr.buffer.load.f32", "raw.ptr.buffer.atomic.inc.i32"],
)  # fmt: skip
def test_what_is_not_covered_is_not_taken_for_something_else(name):
    assert TABLE.find(f"llvm.amdgcn.{name}") is None


def test_every_meaning_names_its_manual():
    manuals = ("RDNA3 ISA", "MI300 ISA", "LLVM, User Guide for AMDGPU Backend", "ROCm device libr")
    assert all(entry.source.startswith(manuals) for entry in TABLE)


def test_the_page_in_docs_is_what_the_table_says():
    """`python -m pharos.targets.amd.meanings.listing > docs/amd-instructions.md`."""
    assert PAGE.read_text(encoding="utf-8") == page()
