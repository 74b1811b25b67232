"""Programs with gpu.launch: sizes, loops, functions and C around the launches."""

import pytest
from gpu_programs import AMD, HEAD, NVIDIA, TARGETS, TOOLS, WIDE, built, output


@pytest.mark.parametrize("target", TARGETS)
def test_sizes_and_loops_are_the_hosts(capfd, target):
    program = """
(defn main [(: count i32) (: texts !llvm.ptr)] -> i64
  (def n (arith.index_cast {:result index} (call i64 atol (ptr-load !llvm.ptr texts))))
  (def x (call memref<?xf32> both n))
  (for [i 0 n] (memref.store (: 1.0 f32) x i))
  (for [round 0 3]
    (kernel [b t] (+ round 1) (/ n (+ round 1))
      (def i (+ (* b (/ n (+ round 1))) t))
      (memref.store (+ (memref.load x i) (: 1.0 f32)) x i)))
  (call! show x)
  (func.return 7))
"""
    program = HEAD + TOOLS + "(extern-fn atol (-> [!llvm.ptr] [i64]))" + program
    assert output(capfd, program, target, ["6"]) == "4 4 4 4 4 4 \n"


@pytest.mark.parametrize("target", TARGETS)
def test_warps_exchange_and_kernels_call_functions(capfd, target):
    program = """
(defn warp-sum [(: mine f32)] -> f32
  (func.return
    (for {:result f32} [step 0 5] [sum mine]
      (def distance (arith.shrui (: 16 i32) (arith.index_cast {:result i32} step)))
      (def [other valid] (gpu.shuffle {:mode "xor"} sum distance (: 32 i32)))
      (+ sum other))))
(defn main []
  (def x (call memref<?xf32> both (: 210 index)))
  (def y (call memref<?xf32> both (: 3 index)))
  (for [i 0 210]
    (memref.store (arith.sitofp {:result f32} (arith.index_cast {:result i64} i)) x i))
  (kernel [row lane] (: 3 index) (: 32 index)
    (def part
      (for {:result f32} [c lane 70 32] [sum (: 0.0 f32)]
        (+ sum (memref.load x (+ (* row 70) c)))))
    (def sum (call f32 warp-sum part))
    (when (= lane 0) (memref.store sum y row)))
  (call! show y)
  (func.return))
"""
    assert output(capfd, HEAD + TOOLS + program, target) == "2415 7315 12215 \n"


@pytest.mark.slow
def test_blocks_share_memory_and_wait_for_each_other(capfd):
    program = """
(defn main []
  (def x (call memref<?xf32> both (: 64 index)))
  (for [i 0 64]
    (memref.store (arith.sitofp {:result f32} (arith.index_cast {:result i64} i)) x i))
  (gpu.launch {:workgroup_attributions 1} (: 1 index) (: 1 index) (: 1 index)
              (: 64 index) (: 1 index) (: 1 index)
    (region (block [(: b0 index) (: b1 index) (: b2 index) (: t index) (: t1 index) (: t2 index)
                    (: g0 index) (: g1 index) (: g2 index) (: s0 index) (: s1 index) (: s2 index)
                    (: tile "memref<64xf32, #gpu.address_space<workgroup>>")]
      (memref.store (memref.load x t) tile t)
      (gpu.barrier)
      (memref.store (memref.load tile (- 63 t)) x t)
      (gpu.terminator))))
  (println "%g %g" (arith.extf {:result f64} (memref.load x 0))
                   (arith.extf {:result f64} (memref.load x 60)))
  (func.return))
"""
    assert output(capfd, HEAD + TOOLS + program) == "63 3\n"


@pytest.mark.slow
def test_bf16_and_integers_are_passed_and_stored(capfd):
    program = """
(defn main []
  (def x (memref.alloc {:result memref<4xbf16>}))
  (def y (memref.alloc {:result memref<4xi32>}))
  (gpu.host_register (memref.cast {:result "memref<*xbf16>"} x))
  (gpu.host_register (memref.cast {:result "memref<*xi32>"} y))
  (def third (: 0.3333 bf16))
  (def seven (: 7 i32))
  (kernel [b t] (: 1 index) (: 4 index)
    (def k (arith.index_cast {:result i32} t))
    (memref.store (* third (arith.sitofp {:result bf16} k)) x t)
    (memref.store (* seven k) y t))
  (println "%g %d" (arith.extf {:result f64} (memref.load x (: 3 index)))
                   (memref.load y (: 3 index)))
  (func.return))
"""
    assert output(capfd, HEAD + TOOLS + program) == "1 21\n"


@pytest.mark.slow
def test_kernels_with_one_name_stay_apart(capfd):
    """Each launch of a function makes a kernel that MLIR calls by the function's name."""
    program = """
(defn main []
  (def x (call memref<?xf32> both (: 1 index)))
  (kernel [b t] (: 1 index) (: 1 index) (memref.store (: 1.0 f32) x t))
  (call! show x)
  (kernel [b t] (: 1 index) (: 1 index) (memref.store (: 2.0 f32) x t))
  (call! show x)
  (func.return))
"""
    assert output(capfd, HEAD + TOOLS + program) == "1 \n2 \n"


SIZES = """
(defn main []
  (def x (call memref<?xf32> both (: 4 index)))
  (def n (memref.dim x 0))
  (def one (: 1 index))
  (gpu.launch n one one n one one
    (region (block [(: bx index) (: by index) (: bz index) (: tx index) (: ty index) (: tz index)
                    (: gx index) (: gy index) (: gz index) (: sx index) (: sy index) (: sz index)]
      (def asked (gpu.grid_dim {:dimension "y"}))
      (def i (arith.index_cast {:result i32} (+ (* gx 100) (+ (* sx 10) asked))))
      (memref.store (arith.sitofp {:result f32} i) x tx)
      (gpu.terminator))))
  (call! show x)
  (func.return))
"""


@pytest.mark.slow
@pytest.mark.parametrize("target", [NVIDIA, AMD, WIDE])
def test_kernels_know_the_sizes_of_their_launch(capfd, target):
    assert output(capfd, HEAD + TOOLS + SIZES, target) == "441 441 441 441 \n"


@pytest.mark.slow
@pytest.mark.parametrize("target", ["nvidia:sm_80", "amd:gfx1100", "amd:gfx942"])
def test_kernels_of_any_block_size_get_the_vendors_code(target):
    from pharos.targets.common.gpu import archive

    files = archive.unpack(built(HEAD + TOOLS + SIZES, target))
    assert {"kernels.ptx", "kernels.hsaco"} & set(files)
    if target.startswith("amd"):
        assert b'"amdgpu-flat-work-group-size"="1,1024"' in files["kernels.ll"]


@pytest.mark.slow
def test_loops_of_openmp_may_launch(capfd):
    program = """
(defn main []
  (def x (call memref<?xf32> both (: 64 index)))
  (scf.parallel {:operandSegmentSizes array<i32: 1, 1, 1, 0>} (: 0 index) (: 8 index) (: 1 index)
    (region (block [(: i index)]
      (kernel [b t] (: 1 index) (: 8 index)
        (memref.store (arith.sitofp {:result f32} (arith.index_cast {:result i64} i))
                      x (+ (* i 8) t)))
      (scf.reduce))))
  (call! show x)
  (func.return))
"""
    expected = "".join(f"{i // 8} " for i in range(64)) + "\n"
    assert output(capfd, HEAD + TOOLS + program, WIDE) == expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "file", "word"),
    [("nvidia:sm_80", "kernels.ptx", b".visible .entry main_kernel"),
     ("amd:gfx942", "kernels.hsaco", b"\x7fELF")],
)  # fmt: skip
def test_real_targets_get_the_vendors_code(target, file, word):
    from pharos.targets.common.gpu import archive

    program = """
(defn main []
  (def x (call memref<?xf32> both (: 1 index)))
  (kernel [b t] (: 1 index) (: 1 index) (memref.store (math.exp (memref.load x t)) x t))
  (func.return))
"""
    files = archive.unpack(built(HEAD + TOOLS + program, target))
    assert word in files[file]
    assert set(files) >= {"host.o", "kernels.ll"}


def test_a_program_without_kernels_runs_too(capfd):
    assert output(capfd, HEAD + '(defn main [] (println "none") (func.return))') == "none\n"
