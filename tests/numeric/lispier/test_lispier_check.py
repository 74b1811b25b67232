"""lispier check: all mistakes of all files, nothing is run."""

from __future__ import annotations

import json

GOOD = '(require-dialect func)\n(defn main [] -> i64 (print "run\\n") (func.return (: 1 i64)))'
BAD = """(require-dialect func arith)
(defn f [] -> i64 (func.return x))
(defn g [] -> i64
  (func.return (arith.adi (: 1 i64) 2)))
"""


def test_good_files(lispier, file):
    found = lispier("check", file("a.lisp", GOOD), file("b.lisp", "(require-dialect func)"))
    assert (found.status, found.out, found.err) == (0, "", "2 files: no errors\n")


def test_all_mistakes_of_all_files(lispier, file):
    file("a.lisp", BAD), file("b.lisp", GOOD), file("c.lisp", "(f")
    found = lispier("check", "a.lisp", "b.lisp", "c.lisp", "d.lisp")
    assert found.status == 1 and found.out == ""
    places = [line for line in found.err.split("\n") if "error: " in line]
    assert [line.split(": error")[0] for line in places] == [
        "a.lisp:2:32",
        "a.lisp:4:17",
        "c.lisp:1:1",
        "error: file not found: d.lisp",
    ]
    assert "did you mean 'arith.andi'?" in found.err
    assert found.err.endswith("4 files: 4 errors\n")


def test_what_the_verifier_finds(lispier, file):
    file("a.lisp", "(require-dialect func)\n(defn f [(: x i64)] -> i32\n  (func.return x))")
    found = lispier("check", "a.lisp")
    assert found.status == 1
    assert found.err.startswith("a.lisp:3:3: error: ")
    assert found.err.endswith("1 file: 1 error\n")


def test_functions_that_nobody_has(lispier, file):
    text = (
        "(require-dialect func)\n(extern-fn strlen (-> [!llvm.ptr] [i64]))\n"
        "(extern-fn strlenn (-> [!llvm.ptr] [i64]))\n(extern-fn unused (-> [] []))\n"
        "(extern-fn printMemrefF32 (-> [memref<*xf32>] []))\n"
        "(defn f [(: p !llvm.ptr) (: m memref<*xf32>)] -> i64\n  (call! printMemrefF32 m)\n"
        "  (func.return (arith.addi (call i64 strlen p) (call i64 strlenn p))))"
    )
    file("a.lisp", text.replace("func)", "func arith)", 1))
    found = lispier("check", "a.lisp")
    assert found.status == 1
    assert found.err.startswith(
        "a.lisp:3:12: error: the function 'strlenn' is declared and used but exists nowhere"
    )
    assert found.err.endswith("1 file: 1 error\n")


def test_libraries_that_cannot_be_loaded(lispier, file):
    text = (
        '(require-dialect func)\n(link-library "./k.so")\n(extern-fn k (-> [] []))\n'
        "(defn f [] (call! k) (func.return))"
    )
    file("a.lisp", text)
    found = lispier("check", "a.lisp")
    assert found.status == 1
    assert found.err.startswith("a.lisp:2:15: error: library not found: k.so\n")
    file("k.so", "no library")
    found = lispier("check", "a.lisp")
    assert found.status == 1 and "cannot load the library 'k.so'" in found.err


def test_passes_of_every_target(lispier, file):
    file(
        "a.lisp",
        "(compilation\n  (target cpu (pass canonicalise))\n"
        "  (target cuda (pass cse) (pass convert-gpu-to-nvvm {:nonsense 1})))\n"
        "(compilation-gpu rocm (func-passes (pass canonicalize)))",
    )
    found = lispier("check", "a.lisp")
    assert found.status == 1
    places = [line for line in found.err.split("\n") if ": error: " in line]
    assert places == [
        "a.lisp:2:21: error: MLIR has no pass 'canonicalise'",
        "a.lisp:3:33: error: pass 'convert-gpu-to-nvvm' has no option 'nonsense'",
    ]


def test_json(lispier, file):
    file("a.lisp", BAD), file("b.lisp", GOOD)
    found = lispier("check", "--json", "a.lisp", "b.lisp")
    assert found.status == 1 and found.err == ""
    document = json.loads(found.out)
    assert document["errors"] == 2
    first, second = document["files"]
    assert second == {"file": "b.lisp", "errors": []}
    assert first["file"] == "a.lisp" and len(first["errors"]) == 2
    assert first["errors"][0] == {
        "message": "undefined symbol: x",
        "place": {"file": "a.lisp", "line": 2, "column": 32, "end_line": 2, "end_column": 33},
        "hint": None,
        "notes": [],
    }
    assert first["errors"][1]["hint"] == "did you mean 'arith.andi'?"


def test_json_without_errors(lispier, file):
    found = lispier("check", "--json", "-", stdin=GOOD)
    assert (found.status, found.err) == (0, "")
    assert json.loads(found.out) == {"files": [{"file": "<stdin>", "errors": []}], "errors": 0}


def test_a_crash_of_the_compiler_is_one_error_of_its_file(lispier, file, monkeypatch):
    import os

    from pharos import lisp

    lower = lisp.lower

    def crash(program):
        if program.name == "a.lisp":
            os.abort()
        return lower(program)

    monkeypatch.setattr(lisp, "lower", crash)
    file("a.lisp", GOOD), file("b.lisp", GOOD)
    found = lispier("check", "a.lisp", "b.lisp")
    assert found.status == 1
    assert found.err.startswith(
        "error: internal error: a.lisp: step 'front end' ended its process by signal SIGABRT"
    )
    assert "\nhint: what made it is in " in found.err
    assert found.err.endswith("2 files: 1 error\n")
