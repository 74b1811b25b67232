"""TMA: boxes of tensors to shared memory and back, swizzled, strided, half outside."""

import numpy as np
import pytest
from lone_instructions import built

from pharos.simt import SimulationFault
from pharos.simt.regions import Region
from pharos.targets.nvidia.meanings.swizzles import Swizzle
from pharos.targets.nvidia.tensor_maps import TensorMap

BAR = "ptr addrspace(3) @bar"
# One warp. Thread 0 copies a box to shared memory, all wait; then the bytes go out as they lie.
LOAD = f"""
@s = external addrspace(3) global [0 x i8], align 1024
@bar = internal addrspace(3) global i64 undef, align 8
define void @k(ptr %map, ptr %out, i32 %bytes PARAMETERS) {{
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %zero = icmp eq i32 %t, 0
  br i1 %zero, label %one, label %all
one:
  call void @llvm.nvvm.mbarrier.init.shared({BAR}, i32 1)
  %x = call i64 @llvm.nvvm.mbarrier.arrive.expect.tx.scope.cta.space.cta({BAR}, i32 %bytes)
  COPY
  br label %all
all:
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  br label %again
again:
  %done = call i1 @llvm.nvvm.mbarrier.try.wait.parity.scope.cta.space.cta({BAR}, i32 0)
  br i1 %done, label %each, label %again
each:
  %i = phi i32 [ %t, %again ], [ %n, %each ]
  %p = getelementptr i8, ptr addrspace(3) @s, i32 %i
  %v = load i8, ptr addrspace(3) %p
  %o = getelementptr i8, ptr %out, i32 %i
  store i8 %v, ptr %o
  %n = add i32 %i, 32
  %more = icmp ult i32 %n, %bytes
  br i1 %more, label %each, label %end
end:
  ret void
}}
"""


def intrinsic(rank):
    place = ", ".join(f"i32 %c{i}" for i in range(rank))
    return f"""%cl = addrspacecast ptr addrspace(3) @s to ptr addrspace(7)
  call void @llvm.nvvm.cp.async.bulk.tensor.g2s.tile.{rank}d(ptr addrspace(7) %cl, {BAR}, ptr %map,
    {place}, i16 0, i64 0, i1 false, i1 false, i32 0)"""


def assembly(rank):
    place = ", ".join(f"i32 %c{i}" for i in range(rank))
    listed = ",".join(f"${2 + i}" for i in range(rank))
    constraints = ",".join(["l", "l", *["r"] * rank, "r", "b"])
    return f"""%cl = addrspacecast ptr addrspace(3) @s to ptr addrspace(7)
  call void asm sideeffect "@${3 + rank} cp.async.bulk.tensor.{rank}d.shared::cluster.global.\
mbarrier::complete_tx::bytes [$0], [$1, {{{listed}}} ], [${2 + rank}];", "{constraints}"(
    ptr addrspace(7) %cl, ptr %map, {place}, {BAR}, i1 %zero)"""


def words(map, array):
    """The map's 128 bytes at an address that is a multiple of 64, and what keeps them alive."""
    room = np.zeros(192, np.uint8)
    start = -room.ctypes.data % 64
    room[start : start + 128] = np.frombuffer(map.encode(array.ctypes.data), np.uint8)
    return room[start : start + 128]


def aligned(array):
    """A copy of the array at an address that is a multiple of 16."""
    room = np.zeros(array.nbytes + 16, np.uint8)
    start = -room.ctypes.data % 16
    copy = room[start : start + array.nbytes].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


def map_of(array, box, **fields):
    """The tensor map of a whole array, whose axes are outermost first as numpy has them."""
    names = {"float16": "f16", "float32": "f32", "uint8": "u8"}
    return TensorMap(
        names[array.dtype.name], array.shape[::-1], array.strides[-2::-1], box, **fields
    )


def load(map, array, place, copy=intrinsic, latest=True):
    rank = len(map.dimensions)
    return launch(map, array, words(map, array), place, kernel(rank, copy(rank)), latest)


def kernel(rank, copy):
    parameters = "".join(f", i32 %c{i}" for i in range(rank))
    return LOAD.replace("COPY", copy).replace("PARAMETERS", parameters)


def launch(map, array, given, place, text, latest=True):
    """What the kernel ``text`` brings, with the memory ``given`` as its map."""
    out = np.zeros(map.copied_bytes, np.uint8)
    run(text, (given, out), (map.copied_bytes, *place), array, latest=latest)
    return out


def run(text, arrays, numbers, array, **options):
    """One warp, which may also use ``array``, of which only the map tells."""
    named = {"map": arrays[0], "bytes": arrays[1], "tensor": array}
    memory = [Region(name, a.ctypes.data, a.nbytes) for name, a in named.items()]
    arguments = [*arrays, *numbers]
    built(text).run((1,), (32,), arguments, memory=memory, dynamic_shared=1 << 15, **options)


def box_of(map, array, place, fill=0):
    """The box in numpy, innermost axis last."""
    wide = np.full(map.copied[::-1], fill, array.dtype)
    steps = map.element_strides[::-1]
    for index in np.ndindex(wide.shape):
        at = [c + i * s for c, i, s in zip(place[::-1], index, steps, strict=True)]
        if all(0 <= a < n for a, n in zip(at, array.shape, strict=True)):
            wide[index] = array[tuple(at)]
    return wide


def swizzled(bytes_, swizzle):
    found = np.empty_like(bytes_)
    for at, value in enumerate(bytes_):
        found[swizzle.apply(at)] = value
    return found


A = aligned(np.random.default_rng(4).standard_normal((40, 72)).astype(np.float16))


@pytest.mark.parametrize("latest", [True, False])
@pytest.mark.parametrize(
    ("swizzle", "width"),
    [(Swizzle.NONE, 24), (Swizzle.B32, 16), (Swizzle.B64, 32), (Swizzle.B128, 64)],
)
def test_boxes_of_a_matrix(swizzle, width, latest):
    map = map_of(A, (width, 16), swizzle=swizzle)
    wanted = box_of(map, A, (8, 3)).view(np.uint8).ravel()
    assert (load(map, A, (8, 3), latest=latest) == swizzled(wanted, swizzle)).all()


@pytest.mark.parametrize("copy", [intrinsic, assembly])
@pytest.mark.parametrize("place", [(60, 30), (-5, -7), (100, 0), (67, 39)])
def test_elements_outside_are_zero(place, copy):
    map = map_of(A, (32, 16), swizzle=Swizzle.B64)
    wanted = box_of(map, A, place).view(np.uint8).ravel()
    assert (load(map, A, place, copy) == swizzled(wanted, Swizzle.B64)).all()


def test_elements_outside_can_be_nan():
    found = load(map_of(A, (16, 8), fill_nan=True), A, (64, 36)).view(np.float16).reshape(8, 16)
    assert (found[:4, :8] == A[36:, 64:]).all()
    assert np.isnan(found[4:]).all() and np.isnan(found[:, 8:]).all()


def test_every_second_element_of_every_third_row():
    map = map_of(A, (32, 9), element_strides=(2, 3))
    wanted = box_of(map, A, (6, 5)).view(np.uint8).ravel()
    assert (load(map, A, (6, 5)) == wanted).all()


@pytest.mark.parametrize(
    ("shape", "box", "place"),
    [
        ((100,), (32,), (80,)),
        ((5, 6, 8), (4, 3, 2), (2, 4, 4)),
        ((2, 3, 4, 5, 4), (4, 2, 3, 2, 2), (0, 3, 1, 2, 1)),
    ],
)
def test_tensors_of_other_ranks(shape, box, place):
    array = aligned(np.arange(np.prod(shape), dtype=np.float32).reshape(shape))
    map = map_of(array, box)
    assert (load(map, array, place).view(np.float32) == box_of(map, array, place).ravel()).all()


def test_memory_that_holds_no_map_and_maps_of_another_rank():
    map = map_of(A, (16, 8))
    with pytest.raises(SimulationFault, match="2 dimensions in a copy of 1"):
        launch(map, A, words(map, A), (0,), kernel(1, intrinsic(1)))
    nothing = words(map, A)
    nothing[:4] = 0
    with pytest.raises(SimulationFault, match="no tensor map at"):
        launch(map, A, nothing, (0, 0), kernel(2, intrinsic(2)))


def test_boxes_lie_at_multiples_of_128_bytes():
    map = map_of(A, (16, 8))
    moved = "%to = getelementptr i8, ptr addrspace(3) @s, i32 64\n  " + intrinsic(2)
    moved = moved.replace("addrspacecast ptr addrspace(3) @s", "addrspacecast ptr addrspace(3) %to")
    with pytest.raises(SimulationFault, match="which 128 does not divide"):
        launch(map, A, words(map, A), (0, 0), kernel(2, moved))


STORE = """
@s = external addrspace(3) global [0 x i8], align 1024
define void @k(ptr %map, ptr %in, i32 %bytes, i32 %c0, i32 %c1) {
  %t = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()
  %zero = icmp eq i32 %t, 0
  br label %each
each:
  %i = phi i32 [ %t, %0 ], [ %n, %each ]
  %f = getelementptr i8, ptr %in, i32 %i
  %v = load i8, ptr %f
  %p = getelementptr i8, ptr addrspace(3) @s, i32 %i
  store i8 %v, ptr addrspace(3) %p
  %n = add i32 %i, 32
  %more = icmp ult i32 %n, %bytes
  br i1 %more, label %each, label %filled
filled:
  call void @llvm.nvvm.fence.proxy.async.shared_cta()
  call void @llvm.nvvm.barrier.cta.sync.aligned.all(i32 0)
  br i1 %zero, label %one, label %end
one:
  call void @llvm.nvvm.cp.async.bulk.tensor.s2g.tile.2d(ptr addrspace(3) @s, ptr %map, i32 %c0,
    i32 %c1, i64 0, i1 false)
  call void @llvm.nvvm.cp.async.bulk.commit.group()
  call void @llvm.nvvm.cp.async.bulk.wait.group.read(i32 0)
  br label %end
end:
  ret void
}
"""


@pytest.mark.parametrize("place", [(0, 0), (24, 13), (60, 36), (-3, -2)])
def test_boxes_are_stored_and_nothing_outside(place):
    array = aligned(np.zeros((40, 72), np.float16))
    map = map_of(array, (32, 8), swizzle=Swizzle.B64)
    box = np.random.default_rng(6).standard_normal((8, 32)).astype(np.float16)
    given = swizzled(box.view(np.uint8).ravel(), Swizzle.B64)
    run(STORE, (words(map, array), given), (map.copied_bytes, *place), array)
    wanted = np.zeros((40 + 80, 72 + 80), np.float16)
    wanted[place[1] + 40 :][:8, place[0] + 40 :][:, :32] = box
    assert (array == wanted[40:80, 40:112]).all()


def test_a_box_that_threads_stored_without_a_fence():
    array = aligned(np.zeros((40, 72), np.float16))
    map = map_of(array, (32, 8))
    text = STORE.replace("call void @llvm.nvvm.fence.proxy.async.shared_cta()", "")
    given = np.zeros(map.copied_bytes, np.uint8)
    with pytest.raises(SimulationFault, match=r"no fence\.proxy\.async came between"):
        run(text, (words(map, array), given), (map.copied_bytes, 0, 0), array)
