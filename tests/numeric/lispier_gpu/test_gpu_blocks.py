"""Programs with compilation blocks: the passes that they say, for rocm and for cuda."""

import pytest
from gpu_programs import AMD, HEAD, NVIDIA, TARGETS, TOOLS, WIDE, built, fault, output

from pharos.core.errors import UserError

BODY = """
(defn main [] -> i64
  (def x (call memref<?xf32> both (: 6 index)))
  (linalg.fill (: 1.0 f32) x)
  (kernel [b t] (: 3 index) (: 2 index)
    (def i (+ (* b 2) t))
    (def k (arith.sitofp {:result f32} (arith.index_cast {:result i32} i)))
    (memref.store (+ (memref.load x i) (math.sqrt (math.powf k (: 2.0 f32)))) x i))
  (call! show x)
  (func.return 5))
"""
LOOPS = """(pass convert-linalg-to-parallel-loops) (pass scf-parallel-loop-tiling)
           (pass gpu-map-parallel-loops) (pass convert-parallel-loops-to-gpu) (pass lower-affine)
           (pass gpu-kernel-outlining)"""
BOTH = f"""
(compilation
  (target cpu (pass convert-linalg-to-loops))
  (target rocm {LOOPS}
    (pass rocdl-attach-target {{:chip "gfx90a"}}) (pass convert-scf-to-cf)
    (pass convert-gpu-to-rocdl) (pass gpu-to-llvm) (pass reconcile-unrealized-casts)
    (pass gpu-module-to-binary))
  (target cuda {LOOPS}
    (pass nvvm-attach-target {{:chip "sm_70"}}) (pass convert-scf-to-cf)
    (pass convert-gpu-to-nvvm) (pass gpu-to-llvm) (pass reconcile-unrealized-casts)
    (pass gpu-module-to-binary)))
"""
# The second spelling, and a host that is left to us.
GROUPS = """
(compilation-gpu rocm
  (passes (pass convert-linalg-to-parallel-loops))
  (func-passes (pass gpu-map-parallel-loops))
  (passes (pass convert-parallel-loops-to-gpu) (pass lower-affine) (pass gpu-kernel-outlining)
          (pass rocdl-attach-target))
  (gpu-passes (pass convert-scf-to-cf) (pass convert-gpu-to-rocdl {:runtime HIP})
              (pass reconcile-unrealized-casts)))
"""
EXPECTED = "1 2 3 4 5 6 \n"


@pytest.mark.parametrize("target", TARGETS)
def test_a_block_for_each_target(capfd, target):
    assert output(capfd, HEAD + BOTH + TOOLS + BODY, target) == EXPECTED


@pytest.mark.slow
def test_groups_of_passes(capfd):
    assert output(capfd, HEAD + GROUPS + TOOLS + BODY, AMD) == EXPECTED


@pytest.mark.slow
def test_the_targets_chip_is_the_one_that_counts():
    from pharos.targets.common.gpu import archive

    files = archive.unpack(built(HEAD + BOTH + TOOLS + BODY, "amd:gfx942"))
    assert b"gfx942" in files["kernels.hsaco"]
    assert b"gfx90a" not in files["kernels.hsaco"]


def test_a_block_for_another_target_is_told_where_it_is():
    with pytest.raises(UserError) as caught:
        built(HEAD + GROUPS + TOOLS + BODY, NVIDIA, "rocm.lisp")
    error = caught.value
    assert "the compilation block is for rocm; found the target cpu+nvidia:sim" in error.message
    assert str(error.span) == "rocm.lisp:3:1"
    assert "--target amd:sim" in (error.hint or "")


def test_a_target_without_programs_is_told():
    with pytest.raises(UserError, match="runs functions on arrays, not programs with a main"):
        built(HEAD + TOOLS + BODY, "xegpu:sim")


def test_a_target_for_programs_answers_what_targets_are_asked():
    from pharos import toolchain

    hosted, gpu = toolchain.target("cpu+nvidia:sm_80:sim"), toolchain.target("nvidia:sm_80:sim")
    own = {"kind", "simulated", "takes_programs"}
    asked = {name for name in (*dir(gpu), *vars(gpu)) if not name.startswith("_")} - own
    assert sorted(asked - set(dir(hosted)) - set(vars(hosted))) == []
    assert hosted.name == "cpu+nvidia:sm_80:sim"
    assert hosted.facts().chip == "sm_80"
    assert hosted.facts().key() != toolchain.target("cpu+nvidia:sim").facts().key()
    assert hosted.facts().key() != gpu.facts().key()


def test_an_unknown_pass_has_its_place():
    block = "(compilation (target cuda (pass convert-linalg-to-kernels)))"
    with pytest.raises(UserError) as caught:
        built(HEAD + block + TOOLS + BODY, NVIDIA, "x.lisp")
    assert str(caught.value.span) == "x.lisp:2:33"


@pytest.mark.slow
def test_passes_that_disagree_on_arguments_are_told():
    program = """
(defn main []
  (def x (memref.alloc {:result memref<4xf32>}))
  (gpu.host_register (memref.cast {:result "memref<*xf32>"} x))
  (kernel [b t] (: 1 index) (: 4 index) (memref.store (: 1.0 f32) x t))
  (func.return))
"""
    block = """
(compilation (target cuda
  (pass gpu-kernel-outlining)
  (pass convert-gpu-to-nvvm {:use-bare-ptr-memref-call-conv true})
  (pass gpu-to-llvm HOST)))
"""
    good = block.replace("HOST", "{:use-bare-pointers-for-kernels true}")
    assert built(HEAD + good + TOOLS + program)
    with pytest.raises(UserError) as caught:
        built(HEAD + block.replace("HOST", "") + TOOLS + program)
    assert "the kernel main_kernel takes (!llvm.ptr), and its launch passes (ptr, ptr, i64" in (
        caught.value.message
    )
    assert caught.value.span is not None


@pytest.mark.slow
def test_kernels_of_passes_are_watched_as_well():
    program = BODY.replace("(: 3 index) (: 2 index)", "(: 3 index) (: 3 index)")
    assert fault(HEAD + BOTH + TOOLS + program, WIDE).kind == "global out of bounds"
