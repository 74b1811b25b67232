"""The checks of single accesses, as LLVM IR: a function for each kind, memory and size.

    simt.check.<read|write|atomic>.<shared|any>.<bytes>(i64 address, i64 mask, i32 site)

``mask`` has the bits of the address that must be 0. "shared" must lie in shared memory; "any" is
looked up: shared memory, a stack of the block's threads, or a region of global memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pharos.simt.checks import Checks

ACCESSES = ("read", "write", "atomic")
# (access, space, bytes); bytes 0 means that the size is an argument, before the site
Needed = tuple[str, str, int]


def name_of(access: str, space: str, size: int) -> str:
    """The function that checks such accesses."""
    return f"simt.check.{access}.{space}.{size or 'some'}"


def check_functions(needed: Iterable[Needed], granule: int, checks: Checks) -> str:
    """All functions for what is ``needed``, those they call included."""
    wanted = set(needed)
    for access, space, size in list(wanted):
        if space == "any":
            wanted.add((access, "shared", size))
    return "\n".join(_function(*one, granule, checks) for one in sorted(wanted))


_MASKED = """define internal void @NAME(KIND %address, <COUNT x i1> %mask, i32 %site) noinline {
entry:
  br label %head
head:
  %i = phi i32 [ 0, %entry ], [ %next, %skip ]
  %more = icmp ult i32 %i, COUNT
  br i1 %more, label %look, label %done
look:
  %bit = extractelement <COUNT x i1> %mask, i32 %i
  br i1 %bit, label %check, label %skip
check:
ELEMENT
  call void @CHECK(i64 %each, i64 0, i32 %site)
  br label %skip
skip:
  %next = add i32 %i, 1
  br label %head
done:
  ret void
}
"""
_IN_A_ROW = """  %offset = mul i32 %i, SIZE
  %offset64 = zext i32 %offset to i64
  %each = add i64 %address, %offset64"""


def masked_function(name: str, access: str, count: int, size: int, many: bool) -> str:
    """Checks every element of a masked access whose bit is set; ``many`` addresses, or a row."""
    kind = f"<{count} x i64>" if many else "i64"
    one = f"  %each = extractelement {kind} %address, i32 %i"
    words = {
        "NAME": name,
        "KIND": kind,
        "ELEMENT": one if many else _IN_A_ROW,
        "SIZE": str(size),
        "COUNT": str(count),
        "CHECK": name_of(access, "any", size),
    }
    text = _MASKED
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def granule_of(sizes: Iterable[int]) -> int:
    """The bytes of a granule of shared memory: as fine as the finest access, at most four."""
    finest = 4
    for size in sizes:
        while size == 0 or size % finest:
            if finest == 1:
                break
            finest //= 2
    return finest


def _function(access: str, space: str, size: int, granule: int, checks: Checks) -> str:
    name = name_of(access, space, size)
    dynamic = "i64 %bytes, " if not size else ""
    head = f"define internal void @{name}(i64 %address, i64 %mask, {dynamic}i32 %site) noinline {{"
    body = _aligned(size) if checks.alignment else ["  br label %aligned"]
    text = "shared" if space == "shared" else "any"
    rest = _shared(access, size, granule, checks) if text == "shared" else _any(access, size)
    return "\n".join([head, "entry:", *body, "aligned:", *rest, "}", ""])


def _bytes(size: int) -> str:
    return str(size) if size else "%bytes"


def _aligned(size: int) -> Iterator[str]:
    yield "  %low = and i64 %address, %mask"
    yield "  %even = icmp eq i64 %low, 0"
    yield "  br i1 %even, label %aligned, label %uneven"
    yield "uneven:"
    yield "  %unit = add i64 %mask, 1"
    yield f"  call void @simt.fail(i64 13, i32 %site, i64 %address, i64 %unit, i64 {_bytes(size)})"
    yield "  unreachable"


def _any(access: str, size: int) -> Iterator[str]:
    """Looks up which memory the address is in."""
    shared = name_of(access, "shared", size)
    sized = "" if size else "i64 %bytes, "
    yield "  %shared = load i64, ptr @simt.shared"
    yield "  %offset = sub i64 %address, %shared"
    yield "  %in = icmp ult i64 %offset, 262144"
    yield "  br i1 %in, label %block, label %other"
    yield "block:"
    yield f"  call void @{shared}(i64 %address, i64 0, {sized}i32 %site)"
    yield "  ret void"
    yield "other:"
    yield "  %stacks = load i64, ptr @simt.stacks"
    yield "  %depth = sub i64 %address, %stacks"
    yield "  %threads = load i64, ptr @simt.threads"
    yield "  %one = load i64, ptr @simt.stack_size"
    yield "  %all = mul i64 %threads, %one"
    yield "  %own = icmp ult i64 %depth, %all"
    yield "  br i1 %own, label %done, label %global"
    yield "done:"
    yield "  ret void"
    yield "global:"
    for verb in ("write", "read") if access == "atomic" else (access,):
        arguments = f"i64 %address, i64 {_bytes(size)}, i32 %site"
        yield f"  call void @simt.region.{verb}({arguments})"
    yield "  ret void"


def _shared(access: str, size: int, granule: int, checks: Checks) -> Iterator[str]:
    """Bounds, then the granules' cells."""
    yield "  %shared = load i64, ptr @simt.shared"
    yield "  %offset = sub i64 %address, %shared"
    yield f"  %end = add i64 %offset, {_bytes(size)}"
    yield "  %size = load i64, ptr @simt.shared.size"
    yield "  %fits = icmp ule i64 %end, %size"
    yield "  %starts = icmp ult i64 %offset, 262144"
    inside = "%inside" if checks.bounds else "true"
    yield "  %inside = and i1 %fits, %starts"
    yield f"  br i1 {inside}, label %cells, label %outside"
    yield "outside:"
    yield f"  call void @simt.fail(i64 10, i32 %site, i64 %offset, i64 {_bytes(size)}, i64 %size)"
    yield "  unreachable"
    yield "cells:"
    if not (checks.races or checks.unwritten):
        yield "  ret void"
        return
    shift = granule.bit_length() - 1
    yield f"  %first = lshr i64 %offset, {shift}"
    count = size // granule
    if size and size % granule == 0 and count <= 64 and count & (count - 1) == 0:
        yield from _compare(access, size, count)
        return
    yield from _one_by_one(access, granule)


def _one_by_one(access: str, granule: int) -> Iterator[str]:
    """The granules of an access one after another."""
    shift = granule.bit_length() - 1
    yield "  br label %head"
    yield "head:"
    yield "  %i = phi i64 [ %first, %cells ], [ %next, %counted ]"
    yield f"  %from = shl i64 %i, {shift}"
    yield "  %left = icmp ult i64 %from, %end"
    yield "  br i1 %left, label %each, label %over"
    yield "each:"
    yield from _granules(access, 1, "%i")
    yield "examine:"
    yield _examine("%from", granule, access)
    yield "  br label %quick"
    yield "quick:"
    yield from _remember(access, 1)
    yield "  br label %counted"
    yield "counted:"
    yield "  %next = add i64 %i, 1"
    yield "  br label %head"
    yield "over:"
    yield "  ret void"


def _compare(access: str, size: int, count: int) -> Iterator[str]:
    """All granules of an access at once."""
    yield from _granules(access, count, "%first")
    yield "examine:"
    yield _examine("%offset", size, access)
    yield "  br label %quick"
    yield "quick:"
    yield from _remember(access, count)
    yield "  ret void"


def _examine(offset: str, size: int, access: str) -> str:
    given = f"i64 {offset}, i64 {size}, i64 {ACCESSES.index(access)}, i32 %site"
    return f"  call void @simt.shadow.examine({given})"


def _granules(access: str, count: int, first: str) -> Iterator[str]:
    """Loads the cells; goes to `quick` when all is in order, to `examine` when it must be seen."""
    v, b = f"<{count} x i32>", f"<{count} x i1>"
    for name, cells in (("w", "writers"), ("r", "readers"), ("o", "others"), ("p", "places")):
        yield f"  %{name}.at = getelementptr i32, ptr @simt.{cells}, i64 {first}"
        if name != "p":
            yield f"  %{name} = load {v}, ptr %{name}.at, align 4"
    yield from _moments(access, count)
    yield from _in_order("w", v, count)
    good = "%w.fine"
    if access != "read":
        yield from _in_order("r", v, count)
        yield from _in_order("o", v, count)
        yield f"  %wr = and {b} %w.fine, %r.fine"
        yield f"  %wro = and {b} %wr, %o.fine"
        good = "%wro"
    if access != "write":
        yield f"  %new = icmp uge {v} %w, %oldest"
        yield f"  %good = and {b} {good}, %new"
        good = "%good"
    yield f"  %ok = call i1 @llvm.vector.reduce.and.v{count}i1({b} {good})"
    yield "  br i1 %ok, label %quick, label %examine"


def _moments(access: str, count: int) -> Iterator[str]:
    """My cell, the oldest of this block, the first that no barrier has ordered, and my number."""
    v = f"<{count} x i32>"
    yield f"  %cell0 = call i32 @simt.cell(i32 {1024 if access == 'atomic' else 0})"
    for name, stamp in (("oldest", "born"), ("stale", "floor")):
        yield f"  %{stamp} = load i32, ptr @simt.{stamp}"
        yield f"  %{stamp}1 = add i32 %{stamp}, 1"
        yield f"  %{name}0 = shl i32 %{stamp}1, 11"
    yield "  %me0 = and i32 %cell0, 1023"
    for name in ("cell", "oldest", "stale", "me"):
        yield f"  %{name}1 = insertelement {v} poison, i32 %{name}0, i32 0"
        yield f"  %{name} = shufflevector {v} %{name}1, {v} poison, <{count} x i32> zeroinitializer"


def _in_order(name: str, v: str, count: int) -> Iterator[str]:
    """Whether the accesses in these cells are ordered before mine, or are mine."""
    mask = ", ".join(["i32 1023"] * count)
    yield f"  %{name}.old = icmp ult {v} %{name}, %stale"
    yield f"  %{name}.thread = and {v} %{name}, <{mask}>"
    yield f"  %{name}.mine = icmp eq {v} %{name}.thread, %me"
    yield f"  %{name}.fine = or <{count} x i1> %{name}.old, %{name}.mine"


def _remember(access: str, count: int) -> Iterator[str]:
    """Enters my access into the cells."""
    v = f"<{count} x i32>"
    if access != "read":
        yield f"  store {v} %cell, ptr %w.at, align 4"
        yield f"  %site1 = insertelement {v} poison, i32 %site, i32 0"
        yield f"  %sites = shufflevector {v} %site1, {v} poison, <{count} x i32> zeroinitializer"
        yield f"  store {v} %sites, ptr %p.at, align 4"
        return
    yield from _in_order("r", v, count)
    yield f"  %r.new = select <{count} x i1> %r.fine, {v} %cell, {v} %r"
    yield f"  %o.new = select <{count} x i1> %r.fine, {v} %o, {v} %cell"
    yield f"  store {v} %r.new, ptr %r.at, align 4"
    yield f"  store {v} %o.new, ptr %o.at, align 4"
