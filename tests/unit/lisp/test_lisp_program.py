"""Files, directives and compilation blocks: sections 9 to 11 of the language reference."""

from __future__ import annotations

from pathlib import Path

import pytest

from pharos.core.errors import UserError
from pharos.lisp import load, load_text, to_text


def write(folder: Path, **files: str) -> Path:
    """Files by name (``a__b`` stands for ``a/b``), each ``.lisp``; the path of ``main``."""
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".lisp")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "main.lisp"


def forms(path: Path) -> list[str]:
    return [to_text(form) for form in load(path).forms]


def failure(path: Path) -> UserError:
    with pytest.raises(UserError) as caught:
        load(path)
    return caught.value


# -- require ---------------------------------------------------------------------------------------


def test_what_is_required_comes_first_and_once(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        main='(require ["./lib/a.lisp" :as a] ["b.lisp" :as b]) (main)',
        lib__a='(require ["../b.lisp" :as b]) (a)',
        b="(b)",
    )
    assert forms(path) == ["(b)", "(a)", "(main)"]
    assert load(path).files == [
        str(tmp_path / "b.lisp"), str(tmp_path / "lib/a.lisp"), str(path),
    ]  # fmt: skip


def test_require_inside_module_and_do_counts(tmp_path: Path) -> None:
    path = write(tmp_path, main='(module (do (require ["b.lisp" :as b]) (main)))', b="(b)")
    assert forms(path) == ["(b)", "(main)"]


def test_the_project_root_is_marked(tmp_path: Path) -> None:
    (tmp_path / "lispier.toml").write_text("")
    write(tmp_path, src__main='(require ["@lib/u.lisp" :as u]) (main)', lib__u="(u)")
    assert forms(tmp_path / "src" / "main.lisp") == ["(u)", "(main)"]


def test_without_a_mark_the_root_is_the_folder_of_the_entry(tmp_path: Path) -> None:
    path = write(tmp_path, main='(require ["@u.lisp" :as u]) (main)', u="(u)")
    assert forms(path) == ["(u)", "(main)"]


def test_macros_structs_and_dialects_are_of_one_file(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        main='(require ["u.lisp" :as u]) (P/x p)',
        u="(require-dialect arith) (deftype T i64) (defstruct P [x i64]) (arith.f T)",
    )
    assert forms(path) == ["(arith.f i64)", "(P/x p)"]
    path = write(tmp_path, main='(require ["u.lisp" :as u]) (arith.addi x x)')
    assert failure(path).message == "unknown dialect 'arith' in 'arith.addi'"


def test_print_strings_of_two_files_do_not_clash(tmp_path: Path) -> None:
    path = write(
        tmp_path, main='(require ["u.lisp" :as u]) (print "a") (print "b")', u='(print "a")'
    )
    names = [text.split('"')[1] for text in forms(path) if text.startswith("(llvm.mlir.global")]
    assert names == ["_print_str_0", "_print_str_1", "_print_str_2"]


def test_a_missing_file(tmp_path: Path) -> None:
    path = write(tmp_path, main='(f)\n(require ["no.lisp" :as n])')
    error = failure(path)
    assert error.message == f"file not found: {tmp_path / 'no.lisp'}"
    assert str(error.span) == f"{path}:2:11"


def test_a_missing_entry_file() -> None:
    assert failure(Path("no-such.lisp")).message == "file not found: no-such.lisp"


def test_a_folder_is_no_program(tmp_path: Path) -> None:
    assert failure(tmp_path).message == f"cannot read {tmp_path}: Is a directory"


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "main.lisp"
    path.write_bytes(b"(f)\xff")
    assert failure(path).message == f"{path}: expected UTF-8 text, got byte 0xff at offset 3"


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "main.lisp"
    path.write_bytes(b"\xef\xbb\xbf(f)")
    assert forms(path) == ["(f)"]


def test_a_cycle(tmp_path: Path) -> None:
    path = write(tmp_path, main='(require ["b.lisp" :as b])', b='\n (require ["main.lisp" :as m])')
    error = failure(path)
    assert error.message == f"circular dependency detected: {path}"
    assert str(error.span) == f"{tmp_path / 'b.lisp'}:2:12"
    assert error.hint == (
        f"the files require each other: {path} -> {tmp_path / 'b.lisp'} -> {path}"
    )


def test_a_mistake_in_a_required_file_has_its_place(tmp_path: Path) -> None:
    path = write(tmp_path, main='(require ["b.lisp" :as b])', b="(f\n  (+i 1))")
    error = failure(path)
    assert str(error.span) == f"{tmp_path / 'b.lisp'}:2:3"
    assert "(+i 1))" in str(error)


# -- link-library, extern --------------------------------------------------------------------------


def test_libraries(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "x.so").touch()
    path = write(
        tmp_path,
        main='(link-library :c) (module (link-library :libm)) (require ["lib/u.lisp" :as u])',
        lib__u='(link-library "./x.so") (link-library "libopenblas.so.0")',
    )
    libraries = load(path).libraries
    assert [(one.name, one.is_file) for one in libraries] == [
        (str(tmp_path / "lib/x.so"), True),
        ("libopenblas.so.0", True),
        ("c", False),
        ("m", False),
    ]


@pytest.mark.parametrize(
    ("text", "place", "message", "hint"),
    [
        ("(link-library :cuda)", "1:15", "link-library: unknown library :cuda", "known: :c, :libc"),
        ("(link-library c)", "1:15", "link-library: expected a keyword or a string", None),
        ("(link-library)", "1:1", "link-library: wrong number of arguments, expected 1", None),
        ("(extern :gpt2-ffi)", "1:1", "extern library :gpt2-ffi is not", "read a"),
        ("(extern :value-fi)", "1:9", "Unknown extern library: value-fi", "did you mean"),
        ('(extern "x")', "1:9", "extern: expected a keyword", None),
        ("(compilation)", "1:1", "compilation: wrong number of arguments", None),
        ("(compilation (cpu))", "1:14", "compilation: expected (target name (pass", None),
        ("(compilation (target cpu))", "1:14", "compilation: expected (target name", None),
        ("(compilation (target cpu (pass)))", "1:26", "compilation: expected (pass name", None),
        ("(compilation-cpu (passes (pass p 1)))", "1:34", "compilation-cpu: expected", None),
        ("(compilation-cpu (pases (pass p)))", "1:19", "invalid pass group 'pases'", None),
        ("(compilation-cpu (gpu-passes (pass p)))", "1:19", "gpu-passes not allowed in", None),
        ("(compilation-gpu (passes (pass p)))", "1:1", "compilation-gpu: wrong number of", None),
        ("(compilation-cpu (passes (pass p {:a [1]})))", "1:38", "invalid pass option", None),
    ],
)
def test_directive_errors(text: str, place: str, message: str, hint: str | None) -> None:
    with pytest.raises(UserError) as caught:
        load_text(text, "t.lisp")
    assert caught.value.message.startswith(message)
    assert str(caught.value.span) == f"t.lisp:{place}"
    assert (caught.value.hint or "").startswith(hint or "")


# -- compilation -----------------------------------------------------------------------------------


def test_compilation_blocks_are_data() -> None:
    program = load_text(
        """
        (compilation
          (target cpu (pass a) (pass b-c {:opt 4 :x 1.5 :flag true :name "s" :word w :whole 2.0}))
          (target rocm (pass d {})))
        (compilation-gpu rocm (passes (pass p)) (gpu-passes (pass g)) (passes (pass q)))
        (compilation-cpu (func-passes (pass f)))
        """
    )
    plain, gpu, cpu = program.compilation
    assert (plain.kind, plain.backend) == ("compilation", None)
    assert [(group.name, [str(one) for one in group.passes]) for group in plain.groups] == [
        ("cpu", ["a", "b-c{opt=4 x=1.5 flag=true name=s word=w whole=2}"]),
        ("rocm", ["d"]),
    ]
    assert (gpu.kind, gpu.backend) == ("compilation-gpu", "rocm")
    assert [group.name for group in gpu.groups] == ["passes", "gpu-passes", "passes"]
    assert (cpu.kind, cpu.backend) == ("compilation-cpu", None)
    assert str(cpu.groups[0].passes[0].span) == "<text>:6:45"
    assert program.forms == []


def test_compilation_blocks_of_all_files_come_in_load_order(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        main='(require ["u.lisp" :as u]) (compilation-cpu (passes (pass a)))',
        u="(module (compilation (target cpu (pass b))))",
    )
    assert [block.kind for block in load(path).compilation] == ["compilation", "compilation-cpu"]


# -- what a program leaves open --------------------------------------------------------------------


def test_externs_are_declared_used_and_not_defined() -> None:
    program = load_text(
        """
        (require-dialect func llvm)
        (extern-fn used (-> [] []))
        (extern-fn unused (-> [] []))
        (extern-fn by-string (-> [] []))
        (extern-fn pointed-at (-> [!llvm.ptr ...] [i32]))
        (extern-fn later (-> [] []))
        (defn later [] (func.return))
        (defn main []
          (call! used) (call! later) (func.call "by-string")
          (def p (llvm.mlir.addressof {:global_name @pointed-at :result !llvm.ptr}))
          (print "x")
          (func.return))
        """
    )
    externs = program.externs()
    assert [(extern.name, extern.variadic) for extern in externs] == [
        ("used", False), ("by-string", False), ("pointed-at", True),
    ]  # fmt: skip
    assert str(externs[0].span) == "<text>:3:20"
    assert program.needed == {"printf"}
