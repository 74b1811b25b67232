from __future__ import annotations

import re
import shutil
import struct
import subprocess
from dataclasses import replace

import pytest
from amd_kernels import KERNELS, object_of

from pharos.core.errors import InternalError
from pharos.targets.amd.code_object import check, elf, metadata
from pharos.targets.amd.code_object.link import link
from pharos.targets.amd.facts import CHIPS


def test_a_code_object_has_no_problems(relocatable, chip):
    assert check.problems(link(relocatable), CHIPS[chip]) == []


def test_kernels_and_descriptors_are_dynamic_symbols(relocatable):
    file = elf.read(link(relocatable))
    names = {one.name for one in file.symbols_in(file.named(".dynsym"))[1:]}
    assert names == {"through_lds", "through_lds.kd", "from_table", "from_table.kd"}


def test_code_and_constants_are_copied(relocatable):
    before, after = elf.read(relocatable), elf.read(link(relocatable))
    assert after.flags == before.flags
    assert after.identification == before.identification
    changed = {(r.section, r.offset + byte) for r in before.relocations for byte in range(8)}
    for section in before.sections:
        found = after.named(section.name)
        if not section.flags & elf.ALLOC or not section.size:
            continue
        places = [at for at in range(section.size) if (section.index, at) not in changed]
        assert [section.data[at] for at in places] == [found.data[at] for at in places]


def test_descriptors_point_to_the_code(relocatable):
    file = elf.read(link(relocatable))
    symbols = {one.name: one for one in file.symbols}
    for name in ("through_lds", "from_table"):
        descriptor = symbols[f"{name}.kd"]
        home = file.sections[descriptor.section]
        (entry,) = struct.unpack_from("<q", home.data, descriptor.value - home.address + 16)
        assert descriptor.value + entry == symbols[name].value


def test_code_reaches_its_constants(relocatable):
    """Both halves of a distance, added to what s_getpc_b64 gives, lead to the table."""
    before, file = elf.read(relocatable), elf.read(link(relocatable))
    text = file.named(".text")
    pair = [r for r in before.relocations if before.sections[r.section].name == ".text"]
    low, high = sorted(pair, key=lambda r: r.offset)
    assert (low.type, high.type) == (10, 11)
    words = text.data[low.offset : low.offset + 4] + text.data[high.offset : high.offset + 4]
    (distance,) = struct.unpack("<q", words)
    # s_getpc_b64 gives the address of the instruction behind it, whose second word is ``low``.
    address = text.address + low.offset - 4 + distance
    home = next(s for s in file.sections if s.address <= address < s.address + s.size)
    found = struct.unpack_from("<64i", home.data, address - home.address)
    assert list(found) == [7 * n + 3 for n in range(64)]


def test_metadata_is_read(relocatable, chip):
    kernels = metadata.kernels(link(relocatable))
    first, second = kernels["through_lds"], kernels["from_table"]
    assert (first.kernarg, first.lds, first.scratch, first.vgpr_spills) == (20, 256, 0, 0)
    assert (first.block, first.max_block, first.wave) == (
        (64, 1, 1),
        64,
        CHIPS[chip].subgroup_size,
    )
    assert [a[1:] for a in first.arguments] == [(0, 8), (8, 8), (16, 4)]
    assert (second.kernarg, second.lds) == (8, 0)
    assert 0 < first.vgprs <= CHIPS[chip].registers
    assert first.report()["block"] == [64, 1, 1]


def test_functions_that_are_nowhere_are_named():
    text = KERNELS.replace(
        "ret void\n}\n\nattributes", "call void @lost()\n  ret void\n}\n\nattributes"
    )
    text += "declare void @lost()\n"
    with pytest.raises(InternalError, match="calls what is not in it: lost"):
        link(object_of(text, "gfx1100"))


def test_variables_that_can_be_written_are_named():
    text = KERNELS.replace("internal addrspace(4) constant", "addrspace(1) global")
    text = text.replace("ptr addrspace(4)", "ptr addrspace(1)")
    with pytest.raises(InternalError, match=r"can be written \(\.data: table\)"):
        link(object_of(text, "gfx1100"))


def test_a_code_object_is_not_linked_again(relocatable):
    with pytest.raises(InternalError, match="expected a relocatable object"):
        link(link(relocatable))


def test_other_machines_are_refused():
    with pytest.raises(InternalError, match="found machine 62"):
        elf.read(b"\x7fELF\x02\x01" + bytes(12) + struct.pack("<H", 62) + bytes(44))


def planted(code: bytes, at: int, form: str, value: int) -> bytes:
    changed = bytearray(code)
    struct.pack_into(form, changed, at, value)
    return bytes(changed)


def test_planted_faults_are_found(relocatable, chip):
    """Each check of ``problems`` finds what it is there for."""
    code, facts = link(relocatable), CHIPS[chip]
    file = elf.read(code)
    descriptor = next(s for s in file.symbols if s.name == "through_lds.kd")
    home = file.sections[descriptor.section]
    at = home.offset + descriptor.value - home.address

    def found(changed: bytes, chip_facts=facts) -> str:
        return "; ".join(check.problems(changed, chip_facts))

    assert "descriptor and metadata differ" in found(planted(code, at, "<I", 512))
    assert "where its code is not" in found(planted(code, at + 16, "<q", 64))
    assert "bytes of workgroup memory" in found(code, replace(facts, shared=128))
    assert "waves of" in found(code, replace(facts, subgroup_size=16))
    assert "not for gfx906" in found(code, replace(facts, chip="gfx906"))
    assert "of type 1" in found(relocatable)
    text_segment = elf.HEADER.size + 2 * elf.PROGRAM.size
    assert "differ within a page" in found(planted(code, text_segment + 8, "<Q", 0x123))
    assert "beyond the end" in found(planted(code, text_segment + 32, "<Q", 1 << 20))
    buckets = file.named(".hash").offset + 8
    emptied = planted(planted(code, buckets, "<Q", 0), buckets + 8, "<Q", 0)
    assert "not found by its hash" in found(emptied)


@pytest.mark.skipif(shutil.which("llvm-readelf") is None, reason="llvm-readelf is not installed")
def test_readelf_reads_the_code_object_without_a_warning(relocatable, tmp_path):
    path = tmp_path / "kernels.hsaco"
    path.write_bytes(link(relocatable))
    done = subprocess.run(
        ["llvm-readelf", "--all", str(path)], capture_output=True, text=True, check=True
    )
    assert "warning" not in done.stderr and "error" not in done.stderr
    assert re.search(r"Type:\s+DYN", done.stdout) and "There are no relocations" in done.stdout
