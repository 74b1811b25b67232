"""Our code objects beside those of lld, which the wheel ziglang brings (extra ``amd``)."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import pytest

from pharos.targets.amd.code_object import check, elf
from pharos.targets.amd.code_object.link import link
from pharos.targets.amd.facts import CHIPS

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None,
    reason="ziglang, which has lld, is not installed: pip install 'pharos[amd]'",
)


@pytest.fixture(scope="module")
def linked(relocatable, tmp_path_factory) -> bytes:
    """The code object that lld makes."""
    folder = tmp_path_factory.mktemp("lld")
    source, target = folder / "kernels.o", folder / "kernels.hsaco"
    source.write_bytes(relocatable)
    command = ["ld.lld", "-shared", "--no-undefined", str(source), "-o", str(target)]
    subprocess.run([sys.executable, "-m", "ziglang", *command], check=True)
    return target.read_bytes()


def test_llds_code_objects_pass_our_checks(linked, chip):
    assert check.problems(linked, CHIPS[chip]) == []


def test_symbols_and_segments_are_llds(linked, relocatable):
    theirs, ours = elf.read(linked), elf.read(link(relocatable))
    assert (ours.flags, ours.identification) == (theirs.flags, theirs.identification)
    for file in (theirs, ours):
        assert file.type == elf.SHARED

    def symbols(file):
        table = file.named(".dynsym")
        return sorted((s.name, s.info, s.other, s.size) for s in file.symbols_in(table))

    assert symbols(ours) == symbols(theirs)
    assert [(s.type, s.flags) for s in ours.segments] == [
        (s.type, s.flags) for s in theirs.segments
    ]


def test_code_and_constants_are_llds_but_for_distances(linked, relocatable):
    source, theirs, ours = elf.read(relocatable), elf.read(linked), elf.read(link(relocatable))
    moved = {(r.section, r.offset + byte) for r in source.relocations for byte in range(8)}
    for name in (".text", ".rodata", ".note"):
        index = source.named(name).index
        pairs = zip(theirs.named(name).data, ours.named(name).data, strict=True)
        different = {(index, at) for at, (a, b) in enumerate(pairs) if a != b}
        assert different <= moved
