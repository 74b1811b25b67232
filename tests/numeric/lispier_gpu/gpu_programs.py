"""Run Lispier programs with kernels on simulated devices, in this process."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import pytest

from pharos import toolchain
from pharos.core.errors import UserError

HEAD = "(require-dialect func gpu memref arith scf math linalg llvm)\n"
# What everybody who writes kernels needs: a launch of one axis, and memory for both sides.
TOOLS = """
(defn register [(: x memref<?xf32>)]
  (gpu.host_register (memref.cast {:result "memref<*xf32>"} x))
  (func.return))
(defn both [(: n index)] -> memref<?xf32>
  (def x (memref.alloc {:result memref<?xf32>} n))
  (call! register x)
  (func.return x))
(defn show [(: x memref<?xf32>)]
  (for [i 0 (memref.dim x 0)]
    (print "%g " (arith.extf {:result f64} (memref.load x i))))
  (println "")
  (func.return))
(defn kernel [(: args !llvm.ptr)] -> !llvm.ptr
  (def names (call !llvm.ptr value_vector_to_list (call !llvm.ptr value_list_first args)))
  (def b (call !llvm.ptr value_list_get names 0))
  (def t (call !llvm.ptr value_list_get names 1))
  (def B (call !llvm.ptr value_list_get args 1))
  (def T (call !llvm.ptr value_list_get args 2))
  (def body (call !llvm.ptr value_list_rest (call !llvm.ptr value_list_rest
              (call !llvm.ptr value_list_rest args))))
  (func.return
    `(gpu.launch ~B (: 1 index) (: 1 index) ~T (: 1 index) (: 1 index)
       (region (block [(: ~b index) (: b1 index) (: b2 index) (: ~t index) (: t1 index)
                       (: t2 index) (: g0 index) (: g1 index) (: g2 index) (: s0 index)
                       (: s1 index) (: s2 index)]
         ~@body
         (gpu.terminator))))))
(defmacro kernel)
"""
NVIDIA, AMD, WIDE = "nvidia:sim", "amd:sim", "amd:gfx942:sim"
# Every program on the first; on all of them where there is time.
TARGETS = [NVIDIA, *(pytest.param(one, marks=pytest.mark.slow) for one in (AMD, WIDE))]


def built(text: str, target: str = NVIDIA, name: str = "<program>") -> Any:
    """The artifact of a program, compiled anew."""
    payload = toolchain.lisp_payload(text, name)
    request = toolchain.Request(toolchain.for_program(target))
    return toolchain.build(payload, request, fresh=True).artifact


def output(capfd: Any, text: str, target: str = NVIDIA, arguments: Sequence[str] = ()) -> str:
    """What a program prints, its kernels included."""
    artifact = built(text, target)
    ctypes.CDLL(None).fflush(None)
    capfd.readouterr()
    toolchain.run_main(artifact, arguments)
    written: str = capfd.readouterr().out
    return written


def fault(text: str, target: str = NVIDIA) -> UserError:
    """The error that a program ends with."""
    artifact = built(text, target)
    with pytest.raises(UserError) as caught:
        toolchain.run_main(artifact)
    return caught.value


def line_of(text: str, part: str) -> int:
    """The number of the first line with ``part``."""
    return next(n for n, line in enumerate(text.split("\n"), 1) if part in line)
