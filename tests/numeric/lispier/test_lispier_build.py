"""lispier build: objects, shared libraries and executables, run without Pharos."""

from __future__ import annotations

import ctypes
import math
import re
import shutil
import signal
import struct
import subprocess
from pathlib import Path

import pytest

from pharos.targets.cpu import elf, helpers, standalone
from pharos.tools.numbers import number_text

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="needs a C compiler, cc")


def run(path, *arguments) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": "/usr/bin:/bin"}  # nothing of Python's
    return subprocess.run(
        [str(path), *arguments], capture_output=True, text=True, env=environment, check=False
    )


def program(result: str, value: str) -> str:
    return f"(require-dialect func)\n(defn main [] -> {result} (func.return (: {value} {result})))"


def test_an_executable_prints_the_result(lispier, file, folder):
    text = '(require-dialect func)\n(defn main [] -> i32 (print "one\\n") (func.return (: 2 i32)))'
    found = lispier("build", file("m.lisp", text), "-o", "m")
    assert (found.status, found.out, found.err) == (0, "", "")
    done = run(folder / "m")
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\n2\n", "")
    assert sorted(path.name for path in folder.iterdir()) == ["m", "m.lisp"]


# One program that returns the number it is given, by the bits of an argument.
REFLECT = """(require-dialect func arith llvm)
(extern-fn strtoull (-> [!llvm.ptr !llvm.ptr i32] [i64]))
(defn main [(: count i32) (: texts !llvm.ptr)] -> RESULT
  (def bits (call i64 strtoull (ptr-load !llvm.ptr texts) (null-ptr) (: 16 i32)))
  (func.return (arith.bitcast {:result RESULT} NARROWED)))
"""
DOUBLES = [
    0.0, -0.0, 1.0, -1.5, 0.1, 1 / 3, 1e21, 1e22, 123456789.125, 5e-324, 2**-44, 2**-1022,
    1.7976931348623157e308, 9007199254740993.0, 0.3, 2 / 3, 1e-5, 123e5, math.pi, math.inf,
    -math.inf, math.nan, 9.999999999999999e22, 4.35, 2**70,
]  # fmt: skip


def test_doubles_have_the_fewest_digits_that_read_back(lispier, file, folder):
    text = REFLECT.replace("RESULT", "f64").replace("NARROWED", "bits")
    assert lispier("build", file("m.lisp", text), "-o", "m").status == 0
    for value in DOUBLES:
        (bits,) = struct.unpack("<Q", struct.pack("<d", value))
        printed = run(folder / "m", f"{bits:x}").stdout.strip()
        expected = number_text(value, "f64")
        assert float(printed) == value or math.isnan(value)
        assert printed == expected or len(printed) == len(expected), value


def test_floats_have_the_fewest_digits_that_read_back(lispier, file, folder):
    narrowed = "(arith.trunci {:result i32} bits)"
    text = REFLECT.replace("RESULT", "f32").replace("NARROWED", narrowed)
    assert lispier("build", file("m.lisp", text), "-o", "m").status == 0
    for value in (0.1, 1e-45, 3.4028235e38, 16777216.0, 1 / 3, -2.5, 2**-20, 1e10, math.nan):
        (bits,) = struct.unpack("<I", struct.pack("<f", value))
        (rounded,) = struct.unpack("<f", struct.pack("<f", value))
        assert run(folder / "m", f"{bits:x}").stdout.strip() == number_text(rounded, "f32")


def test_an_executable_passes_its_arguments(lispier, file, folder):
    text = """(require-dialect func scf arith)
    (defn main [(: count i64) (: texts !llvm.ptr)] -> i64
      (scf.for (: 0 i64) count (: 1 i64)
        (region (block [(: i i64)]
          (print "[%s]" (ptr-load !llvm.ptr (ptr-at !llvm.ptr texts i)))
          (scf.yield))))
      (def last (ptr-load !llvm.ptr (ptr-at !llvm.ptr texts count)))
      (print "%d" (arith.extui {:result i32} (null? last)))
      (func.return count))
    """
    assert lispier("build", file("m.lisp", text), "-o", "m").status == 0
    assert run(folder / "m", "a", "", "-b c").stdout == "[a][][-b c]13\n"
    assert run(folder / "m").stdout == "10\n"


def test_a_failed_assertion_ends_an_executable(lispier, file, folder):
    text = """(require-dialect func arith cf)
    (defn main [(: count i32) (: texts !llvm.ptr)] -> i32
      (print "counted ")
      (cf.assert {:msg "expected none"} (arith.cmpi {:predicate "eq"} count (: 0 i32)))
      (func.return count))
    """
    assert lispier("build", file("m.lisp", text), "-o", "m").status == 0
    assert run(folder / "m").stdout == "counted 0\n"
    failed = run(folder / "m", "a")
    assert (failed.returncode, failed.stdout) == (-signal.SIGABRT, "counted ")
    assert re.fullmatch(r".*m\.lisp:4:7: assertion failed: expected none\n", failed.stderr)


def test_a_compilation_block_says_which_passes_run(lispier, file, folder):
    text = """(require-dialect func arith)
    (compilation (target cpu (pass convert-func-to-llvm) (pass convert-arith-to-llvm)))
    (defn main [] -> i64 (func.return (arith.addi (: 1 i64) 2)))
    """
    assert lispier("build", file("m.lisp", text), "-o", "m").status == 0
    assert run(folder / "m").stdout == lispier("run", "m.lisp").out == ""
    file("m.lisp", text.replace("convert-func-to-llvm", "convert-funk-to-llvm"))
    found = lispier("build", "m.lisp", "-o", "m")
    assert found.status == 1
    assert found.err.startswith("m.lisp:2:36: error: MLIR has no pass 'convert-funk-to-llvm'\n")


def test_a_pipeline_that_is_named_takes_the_place_of_the_block(lispier, file, folder):
    text = """(require-dialect func)
    (compilation-cpu (passes (pass cse)))
    (defn main [] -> i64 (func.return (: 3 i64)))
    """
    assert lispier("build", file("m.lisp", text), "--pipeline", "default", "-o", "m").status == 0
    assert run(folder / "m").stdout == "3\n"


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("memref<2xf32>", "(memref.alloc {:result memref<2xf32>})"),
        ("vector<64xf32>", "(: 1 vector<64xf32>)"),
        ("complex<f64>", "(complex.create {:result complex<f64>} (: 1 f64) (: 2 f64))"),
    ],
)
def test_a_result_that_is_no_number_is_left_out(lispier, file, folder, type_, value):
    text = f"""(require-dialect func memref complex)
    (defn main [] -> {type_} (print "ran\\n") (func.return {value}))
    """
    found = lispier("build", file("m.lisp", text), "-o", "m")
    assert found.status == 0
    assert found.err == f"warning: main returns {type_}; the executable will not print it\n"
    assert run(folder / "m").stdout == "ran\n"


def test_no_result_prints_nothing(lispier, file, folder):
    text = "(require-dialect func)\n(defn main [] (func.return))"
    assert lispier("build", file("m.lisp", text), "-o", "m").status == 0
    done = run(folder / "m")
    assert (done.returncode, done.stdout) == (0, "")


def test_a_result_that_is_not_printed_is_a_warning(lispier, file, folder):
    found = lispier("build", file("m.lisp", program("index", "7")), "-o", "m")
    assert found.status == 0
    assert found.err == "warning: main returns index; the executable will not print it\n"
    assert run(folder / "m").stdout == ""


def test_a_main_that_calls_itself(lispier, file, folder):
    text = """(require-dialect func arith)
    (defn main [(: n i32) (: texts !llvm.ptr)] -> i32
      (def more (<i n (: 5 i32)))
      (func.return (if {:result i32} more (call i32 main (+i n (: 1 i32)) texts) n)))
    """
    assert lispier("build", file("m.lisp", text), "-o", "m").status == 0
    assert run(folder / "m").stdout == "5\n"


HELPERS = """(require-dialect func memref arith scf)
(extern-fn printMemrefF32 (-> [memref<*xf32>] []))
(extern-fn printMemrefI64 (-> [memref<*xi64>] []))
(extern-fn printI64 (-> [i64] []))
(extern-fn printF64 (-> [f64] []))
(extern-fn printComma (-> [] []))
(extern-fn printNewline (-> [] []))
(extern-fn printf_1 (-> [!llvm.ptr ...] [i32]))
(extern-fn clock_ms (-> [] [i64]))
(defn main [] -> i64
  (def m (memref.alloc {:result memref<2x3xf32>}))
  (def z (memref.alloc {:result memref<i64>}))
  (memref.store (: -4 i64) z)
  (scf.for (: 0 index) (: 6 index) (: 1 index)
    (region (block [(: i index)]
      (def v (arith.sitofp {:result f32} (arith.index_cast {:result i32} i)))
      (memref.store (arith.divf v (: 4.0 f32)) m (arith.divui i (: 3 index))
                    (arith.remui i (: 3 index)))
      (scf.yield))))
  (call! printMemrefF32 (memref.cast {:result memref<*xf32>} m))
  (call! printMemrefI64 (memref.cast {:result memref<*xi64>} z))
  (call! printI64 (: -42 i64))
  (call! printComma)
  (call! printF64 (: 1e-7 f64))
  (call! printNewline)
  (def first (call i64 clock_ms))
  (func.return (arith.extui {:result i64} (<=i first (call i64 clock_ms)))))
"""


def without_addresses(text: str) -> list[str]:
    return [word for word in text.split(" ") if not word.startswith("0x")]


def test_helper_functions_print_what_they_print_in_pharos(lispier, file, folder):
    path = file("m.lisp", HELPERS)
    assert lispier("build", path, "-o", "m").status == 0
    built, jitted = run(folder / "m").stdout, lispier("run", path).out
    assert "-42, 1e-07\n" in built and "0.25" in built
    assert without_addresses(built) == without_addresses(jitted)


def test_every_helper_function_exists_in_c(tmp_path):
    path = tmp_path / "runtime.o"
    source = Path(standalone.__file__).with_name("runtime.c")
    subprocess.run(["cc", "-c", source, "-o", path, "-Wall", "-Wextra", "-Werror"], check=True)
    assert set(helpers.names()) - elf.symbols(path.read_bytes()).defined == set()


KERNELS = """(require-dialect func arith memref)
(defn add_one [(: n i64)] -> i64 (func.return (arith.addi n (: 1 i64))))
(defn scale [(: m memref<4xf32>) (: by f32)]
  (memref.store (arith.mulf (memref.load m (: 1 index)) by) m (: 1 index))
  (func.return))
"""


def test_a_shared_library(lispier, file, folder):
    found = lispier("build", file("k.lisp", KERNELS), "-o", "k.so")
    assert (found.status, found.out, found.err) == (0, "", "")
    library = ctypes.CDLL(str(folder / "k.so"))
    assert library["add_one"](41) == 42
    array = (ctypes.c_float * 4)(1, 2, 3, 4)
    address = ctypes.addressof(array)
    descriptor = (ctypes.c_int64 * 5)(address, address, 0, 4, 1)
    library["_mlir_ciface_scale"](descriptor, ctypes.c_float(10.0))
    assert list(array) == [1, 20, 3, 4]
    shown = subprocess.run(["nm", "-D", "--defined-only", "k.so"], capture_output=True, text=True)
    names = {line.split()[-1] for line in shown.stdout.splitlines()}
    assert names == {"add_one", "_mlir_ciface_add_one", "scale", "_mlir_ciface_scale"}


def test_an_object_file_links_with_c(lispier, file, folder):
    assert lispier("build", file("k.lisp", KERNELS), "-o", "k.o").status == 0
    file("use.c", "long add_one(long);\nint main(void) { return (int)add_one(6); }")
    subprocess.run(["cc", "use.c", "k.o", "-o", "use"], check=True)
    assert run(folder / "use").returncode == 7


def test_an_object_file_brings_its_helpers(lispier, file, folder):
    assert lispier("build", file("m.lisp", HELPERS), "-o", "m.o").status == 0
    subprocess.run(["cc", "m.o", "-o", "m"], check=True)
    assert "-42, 1e-07\n" in run(folder / "m").stdout


def test_parallel_loops_find_their_library(lispier, file, folder):
    text = """(require-dialect func arith memref scf)
    (defn main [] -> i64
      (def m (memref.alloc {:result memref<?xi64>} (: 100000 index)))
      (scf.parallel (: 0 index) (: 100000 index) (: 1 index)
        (region (block [(: i index)]
          (memref.store (arith.index_cast {:result i64} i) m i)
          (scf.reduce))))
      (func.return (memref.load m (: 99999 index))))
    """
    assert lispier("build", file("m.lisp", text), "-o", "m").status == 0
    assert "libiomp5.so" in subprocess.run(["ldd", "m"], capture_output=True, text=True).stdout
    assert run(folder / "m").stdout == "99999\n"


def test_libraries_of_the_program(lispier, file, folder):
    file("lib/k.c", "long triple(long n) { return 3 * n; }")
    subprocess.run(["cc", "-shared", "-fPIC", "lib/k.c", "-o", "lib/libk.so"], check=True)
    text = """(require-dialect func)
    (link-library :c) (link-library "./lib/libk.so")
    (extern-fn triple (-> [i64] [i64]))
    (defn main [] -> i64 (func.return (call i64 triple (: 14 i64))))
    """
    assert lispier("build", file("m.lisp", text), "-o", "m").status == 0
    done = subprocess.run([folder / "m"], cwd="/", capture_output=True, text=True, check=True)
    assert done.stdout == "42\n"


def test_bf16_needs_nothing_of_the_compiler(lispier, file, folder):
    text = """(require-dialect func arith llvm)
    (defn main [(: n i32) (: texts !llvm.ptr)] -> f32
      (def x (arith.sitofp {:result f32} n))
      (def y (arith.truncf {:result bf16} (arith.divf x (: 3.0 f32))))
      (func.return (arith.extf {:result f32} y)))
    """
    path = file("m.lisp", text)
    assert lispier("build", path, "-o", "m").status == 0
    assert run(folder / "m", "x").stdout == lispier("run", path, "x").out == "0.33398438\n"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("(require-dialect func)\n(defn f [] (func.return))", "has no function main"),
        (
            "(require-dialect func)\n(defn main [(: n i64)] (func.return))",
            "m.lisp:2:1: error: main takes nothing, or (i32 or i64, !llvm.ptr)",
        ),
        (
            "(require-dialect func)\n(defn main [] -> i64 (func.return x))",
            "m.lisp:2:35: error: undefined symbol: x",
        ),
        (
            "(require-dialect func)\n(extern-fn nowhere (-> [] [i64]))\n"
            "(defn main [] -> i64 (func.return (call i64 nowhere)))",
            "m.lisp:3:35: error: the function 'nowhere' is called but exists nowhere",
        ),
    ],
)
def test_mistakes_in_the_program(lispier, file, folder, text, error):
    file("m.lisp", text)
    found = lispier("build", "m.lisp", "-o", "m")
    assert found.status == 1 and found.out == ""
    assert error in found.err and "Traceback" not in found.err
    assert sorted(path.name for path in folder.iterdir()) == ["m.lisp"]


def test_no_linker(lispier, file, folder, monkeypatch):
    path = file("m.lisp", program("i32", "1"))
    monkeypatch.setenv("PATH", str(folder))
    found = lispier("build", path, "-o", "m")
    assert found.status == 1
    assert found.err.startswith(
        "error: no linker found: expected one of cc, gcc, clang on the PATH\nhint: install a C"
    )
    assert lispier("build", path, "-o", "m.o").status == 0


def test_a_linker_that_fails(lispier, file, folder, monkeypatch):
    path = file("m.lisp", program("i32", "1"))
    cc = file("bin/cc", "#!/bin/sh\necho 'some: note' >&2\necho 'ld: error: disk full' >&2\nexit 3")
    cc.chmod(0o755)
    monkeypatch.setenv("PATH", f"{cc.parent}:/bin")
    found = lispier("build", path, "-o", "m")
    assert found.status == 1
    assert found.err == "error: cc failed with exit status 3\nld: error: disk full\n"
    assert not (folder / "m").exists()


def test_places_that_cannot_be_written(lispier, file, folder):
    path = file("m.lisp", program("i32", "1"))
    found = lispier("build", path, "-o", "nowhere/m")
    assert found.status == 1
    assert found.err == "error: cannot write nowhere/m: No such file or directory\n"
    (folder / "sub").mkdir()
    found = lispier("build", path, "-o", "sub")
    assert found.status == 1
    assert found.err == "error: cannot write sub: it is a folder\n"


def test_an_old_file_stays_until_the_new_one_is_whole(lispier, file, folder):
    path = file("m.lisp", program("i32", "1"))
    out = file("m", "old")
    file("bad.lisp", "(f")
    assert lispier("build", "bad.lisp", "-o", "m").status == 1
    assert out.read_text() == "old"
    assert lispier("build", path, "-o", "m").status == 0
    assert run(out).stdout == "1\n"
