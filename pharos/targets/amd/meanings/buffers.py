"""Buffer resources: memory whose loads and stores are checked against a size by the hardware.

A resource is made into a pointer of 64 bits here: the base in its low 47, and in the others a
number under which the block keeps the size.

Source of the checks: RDNA3 ISA and MI300 ISA, 9 Vector Memory Buffer Instructions, Buffer Resource
Descriptor and Range checking (raw buffers).
"""

from __future__ import annotations

from pharos.simt import Call, Meanings, Value, Writer, meaning, types

TABLE = Meanings("buffers")
_RANGE = "RDNA3 ISA, MI300 ISA, 9 Vector Memory Buffer Instructions, Range checking (raw buffers)"
_SIZES, _MOST = "amd.buffer.sizes", 1 << 8
_ADDRESS_BITS = 47
_FULL = "the block has buffer resources of more than {0} different sizes"
_RAW = r"llvm\.amdgcn\.raw\.ptr\.buffer\."
# What is different in the names of atomicrmw and of buffer atomics.
_ATOMICS = {
    "swap": "xchg",
    "smin": "min",
    "smax": "max",
    **{name: name for name in ("add", "sub", "umin", "umax", "and", "or", "xor")},
    **{name: name for name in ("fadd", "fmin", "fmax")},
}


@meaning(
    TABLE,
    r"llvm\.amdgcn\.make\.buffer\.rsrc\..*",
    source='RDNA3 ISA, 9, Buffer Resource Descriptor; LLVM, User Guide for AMDGPU Backend, "LLVM'
    ' IR Intrinsics"',
)
def make_resource(w: Writer, call: Call) -> Value:
    """base, stride (0: raw), bytes, flags -> the resource."""
    base, stride, size, _ = call.arguments
    w.require(stride == 0, "a buffer resource with the stride {0}: only raw ones are known", stride)
    sizes = w.kept(_SIZES, f"[{_MOST} x i64]")
    # Sizes are kept plus one: 0 is a free place.
    wanted = w.convert(size, "i64") + 1
    at = w.variable("i32", 0)
    with w.repeat() as again:
        place = w.element(sizes, at.get(), "i64")
        found = w.peek(place, "i64")
        with w.when(found == 0):
            w.poke(wanted, place)
        again.until((found == 0) | (found == wanted))
        at.set(at.get() + 1)
        w.require(at.get() < _MOST, _FULL, w.constant(_MOST))
    address = w.cast("ptrtoint", w.cast("addrspacecast", base, "ptr"), "i64")
    tag = w.convert(at.get(), "i64") << _ADDRESS_BITS
    return w.cast("inttoptr", address | tag, call.type)


def _parts(w: Writer, resource: Value) -> tuple[Value, Value]:
    """Base (a plain pointer) and size of a resource."""
    bits = w.cast("ptrtoint", resource, "i64")
    sizes = w.kept(_SIZES, f"[{_MOST} x i64]")
    kept = w.peek(w.element(sizes, bits >> _ADDRESS_BITS, "i64"), "i64")
    w.require(kept != 0, "this is no buffer resource that the block has made")
    return w.cast("inttoptr", bits & ((1 << _ADDRESS_BITS) - 1), "ptr"), kept - 1


def _offset(w: Writer, call: Call, first: int) -> Value:
    """Offsets of the lane and of the wave, from argument ``first`` on, as i64."""
    lane, wave = call.arguments[first : first + 2]
    return w.convert(lane, "i64") + w.convert(wave, "i64")


def _elements(type: str) -> tuple[int, str, int]:
    """How many elements a type has, their type, and their bytes."""
    count, element = types.vector_of(type) or (1, type)
    return count, element, types.size_of(element)


@meaning(TABLE, _RAW + r"load\..*", source=_RANGE)
def load(w: Writer, call: Call) -> Value:
    """resource, offset of the lane, of the wave, flags -> value; elements outside are 0."""
    base, size = _parts(w, call.arguments[0])
    offset = _offset(w, call, 1)
    count, element, bytes_ = _elements(call.type)
    found = []
    for number in range(count):
        at = offset + number * bytes_
        value = w.variable(element, 0)
        with w.when(at + bytes_ <= size):
            value.set(w.load(w.offset(base, at), element, min(4, bytes_)))
        found.append(value.get())
    return found[0] if call.type == element else w.aggregate(call.type, found)


@meaning(TABLE, _RAW + r"store\..*", source=_RANGE)
def store(w: Writer, call: Call) -> None:
    """value, resource, offset of the lane, of the wave, flags; elements outside are dropped."""
    value = call.arguments[0]
    base, size = _parts(w, call.arguments[1])
    offset = _offset(w, call, 2)
    _, _, bytes_ = _elements(value.type)
    for number, part in enumerate(w.parts(value)):
        at = offset + number * bytes_
        with w.when(at + bytes_ <= size):
            w.store(part, w.offset(base, at), min(4, bytes_))


@meaning(
    TABLE,
    rf"{_RAW}atomic\.(?P<what>{'|'.join((*_ATOMICS, 'cmpswap'))})\..*",
    source=_RANGE,
)
def atomic(w: Writer, call: Call) -> Value:
    """value(, compared), resource, offsets, flags -> what was there; outside 0, nothing done."""
    swap = call.match["what"] == "cmpswap"
    value = call.arguments[0]
    first = 2 if swap else 1
    base, size = _parts(w, call.arguments[first])
    at = _offset(w, call, first + 1)
    found = w.variable(call.type, 0)
    with w.when(at + types.size_of(call.type) <= size):
        pointer = w.offset(base, at)
        if swap:
            found.set(w.compare_exchange(pointer, call.arguments[1], value))
        else:
            found.set(w.atomic(_ATOMICS[call.match["what"]], pointer, value))
    return found.get()
