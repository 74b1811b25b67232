"""Host functions read as launch descriptions."""

import pytest

from pharos import ir
from pharos.core.errors import UserError
from pharos.targets.common.gpu import entries
from pharos.targets.common.gpu.launches import Copy, Given, Launch, Number, Pointer, Write
from pharos.targets.common.gpu.reading import Reader

KERNELS = """
gpu.module @kernels {
  gpu.func @k(%a: memref<8xf32>) kernel { gpu.return }
  gpu.func @at(%a: memref<f32>, %n: index) kernel { gpu.return }
  gpu.func @scaled(%a: memref<8xf32>, %s: f32) kernel { gpu.return }
}
"""


def read(body, name="main"):
    module = ir.parse(f"module attributes {{gpu.container_module}} {{{body}{KERNELS}}}")
    entry = next(e for e in entries.prepare(module)["entries"] if e.name == name)
    reader = Reader(module)
    return reader.program(entry), reader


def launch(what, operands, grid="%c2", shared=""):
    return (
        f"gpu.launch_func @kernels::@{what} blocks in ({grid}, %c1, %c1) "
        f"threads in (%c32, %c1, %c1) {shared} args({operands})\n"
    )


CONSTANTS = """
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c32 = arith.constant 32 : index
    %bytes = arith.constant 96 : i32
"""


def test_a_launch_with_its_sizes_and_place():
    program, _ = read(
        f"func.func @main(%a: memref<8xf32>) {{ {CONSTANTS}"
        + launch("k", "%a : memref<8xf32>", shared="dynamic_shared_memory_size %bytes")
        + "return }"
    )
    (found,) = program.steps
    assert found == Launch("k", (2, 1, 1), (32, 1, 1), 96, (Pointer(0, 0),), found.place)
    assert found.place.endswith(":7:1")
    assert program.buffers[0].bytes == 32


def test_a_loop_is_unrolled_and_a_moving_view_is_its_buffer_and_offset():
    program, _ = read(
        f"""func.func @main(%a: memref<2x8xf32>) {{ {CONSTANTS}
        scf.for %i = %c0 to %c2 step %c1 {{
          %v = memref.subview %a[%i, 0] [1, 8] [1, 1]
            : memref<2x8xf32> to memref<8xf32, strided<[1], offset: ?>>
          %base, %offset, %size, %stride = memref.extract_strided_metadata %v
            : memref<8xf32, strided<[1], offset: ?>> -> memref<f32>, index, index, index
          {launch("at", "%base : memref<f32>, %offset : index")}
        }}
        return }}"""
    )
    numbers = [step.operands[1] for step in program.steps]
    assert numbers == [Number("index", "00" * 8), Number("index", "08" + "00" * 7)]
    assert [step.operands[0] for step in program.steps] == [Pointer(0, 0)] * 2


def test_arguments_that_are_numbers_go_through():
    program, _ = read(
        f"func.func @main(%a: memref<8xf32>, %s: f32) {{ {CONSTANTS}"
        + launch("scaled", "%a : memref<8xf32>, %s : f32")
        + "return }"
    )
    assert program.steps[0].operands[1] == Given(1)


def test_copies_are_steps_and_views_of_scratch_know_where_they_are():
    program, _ = read(
        """func.func @main(%a: memref<8xf32>) -> memref<8xf32> {
        %s = memref.alloc() : memref<2x8xf32>
        %v = memref.subview %s[1, 0] [1, 8] [1, 1]
          : memref<2x8xf32> to memref<8xf32, strided<[1], offset: 8>>
        memref.copy %a, %v : memref<8xf32> to memref<8xf32, strided<[1], offset: 8>>
        %r = memref.alloc() : memref<8xf32>
        memref.copy %v, %r : memref<8xf32, strided<[1], offset: 8>> to memref<8xf32>
        return %r : memref<8xf32> }"""
    )
    first, second = program.steps
    assert first == Copy(Pointer(0, 0), Pointer(1, 32), 32, first.place)
    assert second == Copy(Pointer(1, 32), Pointer(2, 0), 32, second.place)
    assert program.results[0].pointer == Pointer(2, 0)


def test_constants_come_with_their_bytes():
    program, reader = read(
        """memref.global "private" constant @w : memref<2xbf16> = dense<[1.0, -2.0]>
        memref.global "private" constant @z : memref<3xi64> = dense<7>
        func.func @main() -> (memref<2xbf16>, memref<3xi64>) {
        %w = memref.get_global @w : memref<2xbf16>
        %z = memref.get_global @z : memref<3xi64>
        return %w, %z : memref<2xbf16>, memref<3xi64> }"""
    )
    assert reader.constants == [bytes.fromhex("803f00c0"), (7).to_bytes(8, "little") * 3]
    assert [memory.kind for memory in program.buffers] == ["constant", "constant"]


def test_long_and_strange_constants_keep_their_bits():
    many = ", ".join(["1.5", "0x7FC0", "-2.5e-3", "0xFF80"] * 40)
    _, reader = read(
        f"""memref.global "private" constant @few : memref<4xbf16> =
          dense<[1.5, 0x7FC0, -2.5e-3, 0xFF80]>
        memref.global "private" constant @many : memref<160xbf16> = dense<[{many}]>
        memref.global "private" constant @bits : memref<3xi1> = dense<[true, false, true]>
        func.func @main() -> (memref<4xbf16>, memref<160xbf16>, memref<3xi1>) {{
        %a = memref.get_global @few : memref<4xbf16>
        %b = memref.get_global @many : memref<160xbf16>
        %c = memref.get_global @bits : memref<3xi1>
        return %a, %b, %c : memref<4xbf16>, memref<160xbf16>, memref<3xi1> }}"""
    )
    few = bytes.fromhex("c03fc07f24bb80ff")
    assert reader.constants == [few, few * 40, b"\x01\x00\x01"]


def test_a_known_number_that_the_host_stores_is_a_step():
    program, _ = read(
        """func.func @main(%a: memref<4xf32>) {
        %c3 = arith.constant 3 : index
        %x = arith.constant 1.0 : f32
        memref.store %x, %a[%c3] : memref<4xf32>
        return }"""
    )
    assert program.steps == (Write(Pointer(0, 12), "0000803f", program.steps[0].place),)


def test_calls_are_followed():
    program, _ = read(
        f"""func.func private @inner(%b: memref<8xf32>) {{ {CONSTANTS}
          {launch("k", "%b : memref<8xf32>")} return }}
        func.func @main(%a: memref<8xf32>, %b: memref<8xf32>) {{
          func.call @inner(%b) : (memref<8xf32>) -> ()
          return }}"""
    )
    assert program.steps[0].operands == (Pointer(1, 0),)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            """%c0 = arith.constant 0 : index
            %x = memref.load %a[%c0] : memref<8xf32>
            memref.store %x, %a[%c0] : memref<8xf32>""",
            "'memref.load' is left for the host",
        ),
        ("%s2 = arith.mulf %s, %s : f32", "'arith.mulf' is left for the host"),
        (
            """%i = arith.index_cast %n : i64 to index
            """,
            "'arith.index_cast' is left for the host",
        ),
    ],
)
def test_what_only_a_host_could_do_is_refused_with_its_place(body, message):
    with pytest.raises(UserError, match=message) as caught:
        read(f"func.func @main(%a: memref<8xf32>, %s: f32, %n: i64) {{ {body}\n return }}")
    assert caught.value.span is not None


def test_strides_that_only_the_host_knows_are_refused():
    body = """func.func @main(%a: memref<8xf32>) {
        %c2 = arith.constant 2 : index
        %v = memref.subview %a[0] [4] [%c2] : memref<8xf32> to memref<4xf32, strided<[?]>>
        return }"""
    with pytest.raises(UserError, match=r"'memref\.subview' has a size, stride or offset"):
        read(body)


def test_recursion_is_refused():
    with pytest.raises(UserError, match="'main' calls itself"):
        read("func.func @main() { func.call @main() : () -> ()\n return }")


def test_sizes_that_are_known_only_at_run_time_are_refused_at_their_place():
    module = ir.parse("func.func @main(%a: tensor<?x4xf32>) { return }", file="x.mlir")
    with pytest.raises(UserError, match="static shape, found tensor<\\?x4xf32>") as caught:
        entries.prepare(module)
    assert caught.value.span.line == 1


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        ("memref<2x4xf32, strided<[8, 1]>>", "argument 0 has strides [8, 1] in its type"),
        ("!llvm.ptr", "argument 0 is a pointer, which means nothing on a device"),
    ],
)
def test_arguments_that_a_device_cannot_hold_are_told(kind, why):
    module = ir.parse(f"func.func @main(%a: {kind}) {{ return }}")
    prepared = entries.prepare(module)
    assert prepared["entries"] == () and prepared["metadata"]["uncallable"] == {"main": why}


def test_arguments_may_have_any_strides():
    module = ir.parse("func.func @main(%a: memref<2x4xf32>) { return }")
    (entry,) = entries.prepare(module)["entries"]
    assert entry.arguments[0].strides == (-1, -1)
