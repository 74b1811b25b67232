"""Memory of host and device: registered, allocated, copied; and what goes beyond it."""

import pytest
from gpu_programs import AMD, HEAD, NVIDIA, TARGETS, TOOLS, fault, line_of, output

COPIES = """
(defn main []
  (def n (: 8 index))
  (def x (memref.alloc {:result memref<?xf32>} n))
  (for [i 0 n]
    (memref.store (arith.sitofp {:result f32} (arith.index_cast {:result i64} i)) x i))
  (def d (gpu.alloc {:result memref<?xf32>} n))
  (def e (gpu.alloc {:result memref<?xf32>} n))
  (gpu.memcpy d x)
  (gpu.memset e (: 0.5 f32))
  (kernel [b t] (: 2 index) (: 4 index)
    (def i (+ (* b 4) t))
    (memref.store (+ (memref.load d i) (memref.load e i)) e i))
  (gpu.memcpy d e)
  (gpu.memcpy x d)
  (call! show x)
  (gpu.dealloc d)
  (gpu.dealloc e)
  (func.return))
"""


@pytest.mark.parametrize("target", TARGETS)
def test_memory_of_the_device_is_copied_and_filled(capfd, target):
    expected = "0.5 1.5 2.5 3.5 4.5 5.5 6.5 7.5 \n"
    assert output(capfd, HEAD + TOOLS + COPIES, target) == expected


@pytest.mark.slow
def test_asynchronous_work_is_waited_for(capfd):
    program = """
(defn main []
  (def n (: 4 index))
  (def x (memref.alloc {:result memref<?xf32>} n))
  (for [i 0 n] (memref.store (: 2.0 f32) x i))
  (def start (gpu.wait {:result !gpu.async.token}))
  (def [d made] (gpu.alloc {:result [memref<?xf32> !gpu.async.token]
                            :operandSegmentSizes array<i32: 1, 1, 0>} start n))
  (def copied (gpu.memcpy {:result !gpu.async.token} made d x))
  (gpu.wait copied)
  (kernel [b t] (: 1 index) n
    (memref.store (* (memref.load d t) (: 3.0 f32)) d t))
  (gpu.memcpy x d)
  (call! show x)
  (func.return))
"""
    assert output(capfd, HEAD + TOOLS + program) == "6 6 6 6 \n"


@pytest.mark.slow
def test_shared_memory_of_the_device_is_the_hosts_too(capfd):
    program = """
(defn main []
  (def x (gpu.alloc {:result memref<?xf32> :hostShared true} (: 3 index)))
  (for [i 0 3] (memref.store (: 2.5 f32) x i))
  (kernel [b t] (: 1 index) (: 3 index)
    (memref.store (* (memref.load x t) (: 2.0 f32)) x t))
  (call! show x)
  (gpu.dealloc x)
  (func.return))
"""
    assert output(capfd, HEAD + TOOLS + program) == "5 5 5 \n"


@pytest.mark.slow
def test_parts_of_an_array_can_be_registered(capfd):
    """A view with gaps: the memory from its first to its last element."""
    program = """
(defn main []
  (def x (memref.alloc {:result memref<4x4xf32>}))
  (for [i 0 4] (for [j 0 4] (memref.store (: 1.0 f32) x i j)))
  (def part (memref.subview {:static_offsets array<i64: 1, 1> :static_sizes array<i64: 2, 2>
                             :static_strides array<i64: 1, 1>
                             :operandSegmentSizes array<i32: 1, 0, 0, 0>
                             :result "memref<2x2xf32, strided<[4, 1], offset: 5>>"} x))
  (gpu.host_register
    (memref.cast {:result "memref<*xf32>"}
      (memref.cast {:result "memref<2x2xf32, strided<[?, ?], offset: ?>>"} part)))
  (kernel [i j] (: 2 index) (: 2 index) (memref.store (: 9.0 f32) part i j))
  (println "%g %g" (arith.extf {:result f64} (memref.load x (: 2 index) (: 2 index)))
                   (arith.extf {:result f64} (memref.load x (: 2 index) (: 3 index))))
  (func.return))
"""
    assert output(capfd, HEAD + TOOLS + program) == "9 1\n"


@pytest.mark.slow
def test_memory_that_is_registered_again_is_one_piece(capfd):
    program = """
(defn main []
  (def x (call memref<?xf32> both (: 8 index)))
  (call! register x)
  (kernel [b t] (: 1 index) (: 8 index) (memref.store (: 1.0 f32) x t))
  (call! show x)
  (func.return))
"""
    assert output(capfd, HEAD + TOOLS + program) == "1 1 1 1 1 1 1 1 \n"


@pytest.mark.slow
def test_programs_may_ask_where_the_device_finds_memory(capfd):
    program = """
(extern-fn mgpuMemGetDeviceMemRef1dFloat (-> [memref<?xf32>] [memref<?xf32>]))
(defn main []
  (def x (call memref<?xf32> both (: 4 index)))
  (def d (call memref<?xf32> mgpuMemGetDeviceMemRef1dFloat x))
  (kernel [b t] (: 1 index) (memref.dim d 0) (memref.store (: 3.5 f32) d t))
  (call! show x)
  (func.return))
"""
    assert output(capfd, HEAD + TOOLS + program) == "3.5 3.5 3.5 3.5 \n"
    unknown = program.replace("both (: 4 index)", "plain (: 4 index)")
    made = "(memref.alloc {:result memref<?xf32>} n)"
    plain = f"(defn plain [(: n index)] -> memref<?xf32>\n(func.return {made}))"
    assert "not registered" in fault(HEAD + TOOLS + plain + unknown).message


@pytest.mark.slow
def test_work_of_two_streams_is_joined(capfd):
    program = """
(defn main []
  (def x (memref.alloc {:result memref<4xf32>}))
  (def d (gpu.alloc {:result memref<4xf32>}))
  (def e (gpu.alloc {:result memref<4xf32>}))
  (def one (gpu.wait {:result !gpu.async.token}))
  (def two (gpu.wait {:result !gpu.async.token}))
  (def first (gpu.memset {:result !gpu.async.token} one d (: 1.5 f32)))
  (def second (gpu.memset {:result !gpu.async.token} two e (: 2.0 f32)))
  (def joined (gpu.wait {:result !gpu.async.token} first second))
  (def copied (gpu.memcpy {:result !gpu.async.token} joined x e))
  (gpu.wait copied)
  (println "%g" (arith.extf {:result f64} (memref.load x (: 3 index))))
  (func.return))
"""
    assert output(capfd, HEAD + TOOLS + program) == "2\n"


UNREGISTERED = """
(defn main []
  (def x (call memref<?xf32> both (: 4 index)))
  (def y (memref.alloc {:result memref<?xf32>} (: 4 index)))
  (println "before")
  (kernel [b t] (: 1 index) (: 4 index)
    (memref.store (memref.load x t) y t))
  (call! show y)
  (func.return))
"""


@pytest.mark.parametrize("target", [NVIDIA, pytest.param(AMD, marks=pytest.mark.slow)])
def test_memory_that_was_not_registered_is_a_fault(capfd, target):
    program = HEAD + TOOLS + UNREGISTERED
    error = fault(program, target)
    assert error.kind == "global out of bounds"
    assert "of the memory registered at <program>" in error.message or "in none of" in error.message
    assert "kernel main_kernel, block (0, 0, 0), thread (0, 0, 0)" in error.message
    assert error.span is not None
    assert error.span.line == line_of(program, "(memref.store (memref.load x t) y t)")
    assert "gpu.host_register" in (error.hint or "")
    assert capfd.readouterr().out == "before\n"


@pytest.mark.slow
def test_one_element_too_far_is_a_fault():
    program = """
(defn main []
  (def d (gpu.alloc {:result memref<?xf32>} (: 4 index)))
  (gpu.memset d (: 0.0 f32))
  (kernel [b t] (: 1 index) (: 8 index) (memref.store (: 1.0 f32) d t))
  (gpu.memcpy (call memref<?xf32> both (: 4 index)) d)
  (func.return))
"""
    error = fault(HEAD + TOOLS + program)
    assert "byte 16 of the memory allocated at <program>" in error.message
    assert "thread (4, 0, 0)" in error.message


@pytest.mark.slow
def test_what_nobody_wrote_is_not_read():
    program = """
(defn main []
  (def d (gpu.alloc {:result memref<?xf32>} (: 4 index)))
  (kernel [b t] (: 1 index) (: 4 index) (memref.store (memref.load d t) d t))
  (func.return))
"""
    assert fault(HEAD + TOOLS + program).kind == "unwritten read"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("body", "place", "message"),
    [
        (
            "(gpu.host_unregister (memref.cast {:result \"memref<*xf32>\"} x))\n"
            "(kernel [b t] (: 1 index) (: 4 index) (memref.store (: 1.0 f32) x t))",
            "(memref.store (: 1.0 f32) x t)",
            "and no global memory was given",
        ),
        (
            "(gpu.host_unregister (memref.cast {:result \"memref<*xf32>\"} x))\n"
            "(gpu.host_unregister (memref.cast {:result \"memref<*xf32>\"} x)) ; again",
            "; again",
            "this memory is not registered",
        ),
        (
            "(def d (gpu.alloc {:result memref<4xf32>}))\n(gpu.dealloc d)\n(gpu.dealloc d) ; again",
            "; again",
            "or it was freed before",
        ),
        ("(gpu.dealloc x)", "(gpu.dealloc x)", "no memory was allocated on the device"),
        (
            "(def d (gpu.alloc {:result memref<?xf32>} (: 3 index)))\n"
            "(gpu.memcpy d x)\n(gpu.memcpy x d)",
            "(gpu.memcpy d x)",
            "16 bytes are copied at byte 0 of the memory allocated at",
        ),
        (
            "(kernel [b t] (- (memref.dim x 0) 4) (: 4 index) (memref.store (: 1.0 f32) x t))",
            "(kernel [b t] (- (",
            "is launched with 0 x 1 x 1 blocks",
        ),
        (
            "(kernel [b t] (: 1 index) (: 2000 index) (memref.store (: 1.0 f32) x t))",
            "(kernel [b t] (: 1",
            "in blocks of 2000 x 1 x 1 work-items; sm_90a takes at most 1024",
        ),
    ],
    ids=["unregistered", "twice", "freed-twice", "hosts", "copy", "no-blocks", "large-block"],
)  # fmt: skip
def test_mistakes_are_told_where_they_are(body, place, message):
    program = (
        f"{HEAD}{TOOLS}(defn main []\n(def x (call memref<?xf32> both (: 4 index)))\n{body}\n"
        "(func.return))"
    )
    error = fault(program)
    assert message in error.message
    assert error.span is not None
    lines = {error.span.line, line_of(program, "`(gpu.launch")}
    assert line_of(program, place) in lines
