"""What a loader or a launch would stumble over in a code object, found before.

Sources: System V ABI for the file; LLVM, User Guide for AMDGPU Backend, "Kernel Descriptor" (table
"Kernel Descriptor") and "ELF Code Object" for what is AMD's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

from pharos.targets.amd.code_object import elf, pieces
from pharos.targets.amd.code_object.metadata import Kernel, contents, kernels
from pharos.targets.amd.code_object.symbols import hash_of
from pharos.targets.amd.facts import AmdFacts

_DESCRIPTOR = struct.Struct("<IIIIq")  # LDS, private memory, kernel arguments, reserved, entry
_DESCRIPTOR_SIZE, _ENTRY_ALIGN = 64, 256


def problems(code: bytes, facts: AmdFacts) -> list[str]:
    """What is wrong with the code object ``code`` for that chip, each in a sentence."""
    file = elf.read(code)
    if file.type != elf.SHARED:
        return [f"the file is of type {file.type}, not a shared object (3)"]
    target = contents(code).get("amdhsa.target")
    found = [*_layout(file), *_symbols(file)]
    if target != f"amdgcn-amd-amdhsa--{facts.chip}":
        found.append(f"the code is for {target}, not for {facts.chip}")
    for kernel in kernels(code).values():
        found += [f"kernel '{kernel.name}': {one}" for one in _kernel(file, kernel, facts)]
    return found


def _layout(file: elf.File) -> Iterator[str]:
    """Segments: inside the file, offsets and addresses alike modulo a page, pages of their own."""
    loads = [one for one in file.segments if one.type == pieces.LOAD]
    last = -1
    for one in loads:
        if one.offset + one.file_size > len(file.code):
            yield f"the segment at {one.address:#x} reaches beyond the end of the file"
        if (one.address - one.offset) % pieces.PAGE:
            yield f"address {one.address:#x} and offset {one.offset:#x} differ within a page"
        if one.address // pieces.PAGE <= last:
            yield f"the segment at {one.address:#x} shares a page with the one before"
        last = (one.address + one.memory_size - 1) // pieces.PAGE
    for section in file.sections:
        if not section.flags & elf.ALLOC or section.type == elf.NOBITS:
            continue
        if section.address % max(1, section.align):
            yield f"section {section.name} at {section.address:#x} is not aligned"
        if not any(_inside(section, one) for one in loads):
            yield f"section {section.name} is in no segment that is loaded"


def _inside(section: elf.Section, segment: elf.Segment) -> bool:
    start = section.address - segment.address
    return start >= 0 and start + section.size <= segment.file_size


def _symbols(file: elf.File) -> Iterator[str]:
    """Every dynamic symbol is defined, and found by its hash."""
    table, hashes = file.named(".dynsym"), file.named(".hash")
    if table is None or hashes is None:
        yield "there is no table of dynamic symbols, or no hash table of them"
        return
    symbols = file.symbols_in(table)
    words = struct.unpack(f"<{hashes.size // 4}I", hashes.data)
    buckets, chains = words[2 : 2 + words[0]], words[2 + words[0] :]
    for number, one in enumerate(symbols[1:], 1):
        if one.section == elf.UNDEFINED:
            yield f"the symbol '{one.name}' is undefined"
        at = buckets[hash_of(one.name) % len(buckets)]
        while at not in (0, number):
            at = chains[at]
        if at != number:
            yield f"the symbol '{one.name}' is not found by its hash"


def _kernel(file: elf.File, kernel: Kernel, facts: AmdFacts) -> Iterator[str]:
    """The limits of the chip, and a descriptor that says the same as the metadata."""
    if kernel.wave != facts.subgroup_size:
        yield f"waves of {kernel.wave}, the code was written for {facts.subgroup_size}"
    if kernel.lds > facts.shared:
        yield f"{kernel.lds} bytes of workgroup memory, {facts.chip} has {facts.shared}"
    if kernel.max_block > facts.max_block:
        yield f"workgroups of {kernel.max_block}, {facts.chip} has at most {facts.max_block}"
    fixed = kernel.block
    if fixed is not None and kernel.max_block != fixed[0] * fixed[1] * fixed[2]:
        yield f"{kernel.max_block} work-items at most, the workgroup has {fixed}"
    hidden = [kind for kind, _, _ in kernel.arguments if kind.startswith("hidden_")]
    if hidden:
        yield f"it asks the runtime for {', '.join(hidden)}; with known sizes nothing is asked for"
    end = max((offset + size for _, offset, size in kernel.arguments), default=0)
    if kernel.kernarg < end:
        yield f"{kernel.kernarg} bytes of arguments, the last one ends at {end}"
    if kernel.dynamic_stack:
        yield "its stack grows at run time, so its size cannot be told to the runtime"
    symbol = next((one for one in file.symbols if one.name == kernel.symbol), None)
    if symbol is None or symbol.size != _DESCRIPTOR_SIZE:
        yield f"there is no descriptor of 64 bytes called '{kernel.symbol}'"
    else:
        yield from _descriptor(file, kernel, symbol)


def _descriptor(file: elf.File, kernel: Kernel, symbol: elf.Symbol) -> Iterator[str]:
    home = file.sections[symbol.section]
    lds, scratch, kernarg, _, entry = _DESCRIPTOR.unpack_from(
        home.data, symbol.value - home.address
    )
    told = (kernel.lds, kernel.scratch, kernel.kernarg)
    if (lds, scratch, kernarg) != told:
        yield f"descriptor and metadata differ: {(lds, scratch, kernarg)} and {told}"
    start = symbol.value + entry
    code = next((one for one in file.symbols if one.name == kernel.name), None)
    if code is None or code.value != start:
        yield f"its descriptor points to {start:#x}, where its code is not"
    if start % _ENTRY_ALIGN:
        yield f"its code begins at {start:#x}, not at a multiple of {_ENTRY_ALIGN}"
