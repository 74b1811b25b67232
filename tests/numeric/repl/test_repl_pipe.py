"""The whole prompt, driven through a pipe: what a line does to it when the line goes wrong."""

from __future__ import annotations

import subprocess
import sys
import time

UNDONE = "definitions and values are as before this line"


def test_forms_go_over_lines(piped):
    assert piped("(arith.addi (: 1 i32)\n\n ; a comment with a (\n (: 2 i32))") == ["3 : i32"]


def test_output_comes_before_the_value_on_a_line_of_its_own(piped):
    assert piped('(print "no newline")') == ["no newline", "10 : i32"]
    assert piped('(do (print "a\\n") (print "b\\n") (: 1 i32))') == [
        "a", "2 : i32", "b", "2 : i32", "1 : i32",
    ]  # fmt: skip


def test_error_undoes_its_line(piped):
    piped("(def kept (: 1 i32))")
    lines = piped("(def kept (: 2 i32)) (oops)")
    assert lines[0] == "kept = 2 : i32"
    assert "unknown operation or macro 'oops'" in lines[1]
    assert piped("kept") == ["1 : i32"]


def test_several_errors_at_once(piped):
    lines = piped("(defn bad [] (arith.addi a b) (nope) (func.return))")
    assert len([line for line in lines if ": error: " in line]) == 2


def test_segmentation_fault(piped):
    piped("(def before (: 11 i32))(def memory (memref.alloc {:result memref<2xi32>}))")
    piped("(linalg.fill (: 4 i32) memory)")
    crash = "(llvm.load {:result i32} (llvm.inttoptr {:result !llvm.ptr} (: 8 i64)))"
    line = f"(do (memref.store (: 5 i32) memory (: 0 index)) {crash})"
    assert piped(line) == [
        f"error: the program ended its process by SIGSEGV (Segmentation fault); {UNDONE}"
    ]
    assert piped("before") == ["11 : i32"]
    assert piped("memory") == ["[4 4] : memref<2xi32>"]


def test_abort_and_exit(piped):
    piped("(extern-fn abort (-> [] []))(extern-fn exit (-> [i32] []))")
    (line,) = piped("(call! abort)")
    assert line == f"error: the program ended its process by SIGABRT (Aborted); {UNDONE}"
    (line,) = piped("(call! exit (: 3 i32))")
    assert line == f"error: the program ended its process by exit status 3; {UNDONE}"
    assert piped("(: 1 i32)") == ["1 : i32"]


def test_parallel_loops_after_a_failure(piped):
    piped("(def p (memref.alloc {:result memref<4xi32>}))")
    loop = (
        "(scf.parallel (: 0 index) (: 4 index) (: 1 index) (region (block [(: i index)]"
        " (memref.store (arith.index_cast {:result i32} i) p i) (scf.reduce))))"
    )
    assert piped(loop) == []
    piped("(oops)")
    piped("(linalg.fill (: 0 i32) p)")
    assert piped(loop) == []
    assert piped("p") == ["[0 1 2 3] : memref<4xi32>"]


ENDLESS = (
    "(extern-fn getppid (-> [] [i32]))"
    '(do (print "started\\n") (scf.while (region (block [] (call i32 getppid)'
    " (scf.condition (: 1 i1)))) (region (block [] (scf.yield)))))"
)


def test_ctrl_c_stops_a_loop_and_keeps_the_session(piped):
    piped("(def survivor (: 21 i32))")
    piped.send(ENDLESS)
    lines = [piped.line() for _ in range(3)]
    assert lines == ["getppid : () -> i32", "started", "8 : i32"]
    time.sleep(0.1)
    start = time.monotonic()
    piped.interrupt()
    assert piped.line() == f"stopped; {UNDONE}"
    assert time.monotonic() - start < 10
    assert piped("survivor") == ["21 : i32"]
    assert "unknown function 'getppid'" in piped("(call i32 getppid)")[0]


def test_commands(piped):
    assert piped(":type (: 1 i32)") == ["i32"]
    assert piped(":expand (-i a b)") == ["(arith.subi a b)"]
    assert "    :load FILE     do what a file says".strip() in [s.strip() for s in piped(":help")]
    assert piped(":type") == ["error: :type wants a form"]
    assert piped(":tipe x")[0] == "error: unknown command ':tipe'; :help lists the commands"
    assert "hint: did you mean 'type'?" in piped(":tipe x")


def test_commands_change_nothing(piped):
    piped("(def n (memref.alloc {:result memref<1xi32>}))")
    piped("(linalg.fill (: 0 i32) n)")
    piped(":time (memref.store (arith.addi (memref.load n (: 0 index)) 1) n (: 0 index))")
    assert piped("n") == ["[0] : memref<1xi32>"]
    piped(":ir (defn only-shown [] (func.return))")
    assert "unknown function" in piped("(call! only-shown)")[0]


def test_reset(piped):
    piped("(def r (: 1 i32))")
    assert piped(":reset") == ["all definitions and values are gone"]
    assert "undefined symbol: r" in piped("r")[0]


def test_end_of_input_ends_the_prompt(piped):
    assert piped.end() == 0


def test_quit_and_files(tmp_path):
    file = tmp_path / "f.lisp"
    file.write_text("(require-dialect func)(defn f [] -> i32 (func.return (: 9 i32)))")
    ran = subprocess.run(
        [sys.executable, "-m", "pharos.tools.repl", str(file)],
        input="(call i32 f)\n:quit\n(call i32 f)\n",
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.splitlines() == ["f : () -> i32", "9 : i32"]
