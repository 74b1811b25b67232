"""What belongs into kernels and what to the host; and what kernels print."""

import re

import pytest
from gpu_programs import HEAD, TARGETS, TOOLS, built, line_of, output

from pharos.core.errors import UserError


@pytest.mark.parametrize("target", TARGETS)
def test_kernels_print_between_what_the_host_prints(capfd, target):
    program = """
(defn main []
  (println "before")
  (kernel [b t] (: 2 index) (: 2 index)
    (def k (arith.index_cast {:result i32} t))
    (def x (arith.sitofp {:result f32} k))
    (gpu.printf {:format "block %ld work-item %d: %.2f%%\\n"} b k x))
  (println "after")
  (func.return))
"""
    lines = output(capfd, HEAD + TOOLS + program, target).splitlines()
    assert lines[0] == "before"
    assert lines[1:5] == [f"block {b} work-item {t}: {t}.00%" for b in range(2) for t in range(2)]
    assert lines[5:] == ["after"]


@pytest.mark.slow
def test_what_was_printed_before_a_fault_is_seen(capfd):
    program = """
(defn main []
  (def x (memref.alloc {:result memref<1xf32>}))
  (kernel [b t] (: 1 index) (: 1 index)
    (gpu.printf {:format "here\\n"})
    (memref.store (: 1.0 f32) x t))
  (println "%g" (arith.extf {:result f64} (memref.load x (: 0 index))))
  (func.return))
"""
    with pytest.raises(UserError, match="no global memory was given"):
        output(capfd, HEAD + TOOLS + program)
    assert capfd.readouterr().out == "here\n"


@pytest.mark.parametrize(
    ("body", "place", "message"),
    [
        ("(def i (gpu.thread_id {:dimension \"x\"}))", "(gpu.thread_id", "'gpu.thread_id' is for"),
        ("(gpu.barrier)", "(gpu.barrier)", "'gpu.barrier' is for kernels"),
        ("(call! deep)", "(gpu.printf", "'gpu.printf' is for kernels"),
    ],
)  # fmt: skip
def test_what_only_kernels_have_is_refused_on_the_host(body, place, message):
    program = (
        f'{HEAD}(defn deeper [] (gpu.printf {{:format "x"}}) (func.return))\n'
        f"(defn deep [] (call! deeper) (func.return))\n(defn main []\n{body}\n(func.return))"
    )
    with pytest.raises(UserError) as caught:
        built(program)
    assert message in caught.value.message
    assert caught.value.span is not None
    assert caught.value.span.line == line_of(program, place)
    assert "gpu.launch" in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ("(println \"%ld\" t)", "printf"),
        ("(def m (memref.alloc {:result memref<?xf32>} t)) (call! show m)", "malloc"),
        ("(memref.store (math.exp (memref.load y t)) y t)", "exp"),
    ],
)  # fmt: skip
def test_functions_of_the_host_are_refused_in_kernels(body, name):
    program = (
        f"{HEAD}{TOOLS}(defn main []\n(def y (memref.alloc {{:result memref<4xf64>}}))\n"
        f"(kernel [b t] (: 1 index) (: 4 index)\n{body})\n"
        '(println "%g" (memref.load y (: 0 index)))\n(func.return))'
    )
    with pytest.raises(UserError) as caught:
        built(program)
    first = next(iter(getattr(caught.value, "errors", [caught.value])))
    assert re.search(rf"a kernel calls '\w*{name}\w*', which exists nowhere", first.message)
    assert first.span is not None
    assert first.span.line == line_of(program, body)


def test_the_cpu_alone_says_that_kernels_need_a_gpu():
    from pharos import toolchain

    program = f"{HEAD}{TOOLS}(defn main [] (kernel [b t] (: 1 index) (: 1 index)) (func.return))"
    with pytest.raises(UserError) as caught:
        toolchain.build(toolchain.lisp_payload(program), toolchain.Request(), fresh=True)
    assert "kernels need a GPU, real or simulated" in str(caught.value)
