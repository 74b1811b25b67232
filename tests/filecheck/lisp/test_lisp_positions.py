"""Every operation carries the place of the form it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lisp_lowering import context

from pharos import ir
from pharos.lisp import load, load_text, lower

PROGRAM = """\

(require-dialect arith func scf)
(defn f [(: x i32)] -> i32
  (def y
    (arith.addi x 3))
  (when (>i y 0)
    (print "%d" y))
  (func.return y))
"""


def operations(operation: Any) -> Iterator[Any]:
    for region in operation.regions:
        for block in region.blocks:
            for inner in block.operations:
                yield inner.operation
                yield from operations(inner.operation)


def places(module: Any) -> list[tuple[str, str]]:
    found = []
    for operation in operations(module.operation):
        span = ir.span_of(operation.location)
        assert span is not None
        end = f"{span.end_line}:{span.end_column}"
        found.append((operation.name, f"{span.file}:{span.line}:{span.column}-{end}"))
    return found


def test_places_of_operations() -> None:
    module = lower(load_text(PROGRAM, "p.lisp"), context())
    found = [(name, where) for name, where in places(module) if name != "llvm.func"]
    assert found == [
        # The string of a print stands where the program wrote it.
        ("llvm.mlir.global", "p.lisp:7:12-7:16"),
        ("llvm.mlir.constant", "p.lisp:7:12-7:16"),
        ("llvm.return", "p.lisp:7:12-7:16"),
        ("func.func", "p.lisp:3:1-8:19"),
        ("arith.constant", "p.lisp:5:19-5:20"),
        ("arith.addi", "p.lisp:5:5-5:21"),
        ("arith.constant", "p.lisp:6:15-6:16"),
        ("arith.cmpi", "p.lisp:6:9-6:17"),
        ("scf.if", "p.lisp:6:3-7:20"),
        ("llvm.mlir.addressof", "p.lisp:7:5-7:19"),
        ("llvm.call", "p.lisp:7:5-7:19"),
        ("scf.yield", "p.lisp:6:3-7:20"),
        ("func.return", "p.lisp:8:3-8:18"),
    ]


def test_arguments_have_the_place_of_the_parameter() -> None:
    module = lower(load_text(PROGRAM, "p.lisp"), context())
    function = next(o for o in operations(module.operation) if o.name == "func.func")
    argument = function.regions[0].blocks[0].arguments[0]
    assert str(ir.span_of(argument.location)) == "p.lisp:3:10"


def test_places_name_the_file_of_each_form(tmp_path: Path) -> None:
    (tmp_path / "u.lisp").write_text("(require-dialect func)\n\n(defn u [] (func.return))")
    main = tmp_path / "main.lisp"
    main.write_text(
        '(require ["u.lisp" :as u])\n(require-dialect func)\n(defn m [] (u/u) (func.return))'
    )
    module = lower(load(main), context())
    assert places(module) == [
        ("func.func", f"{tmp_path}/u.lisp:3:1-3:26"),
        ("func.return", f"{tmp_path}/u.lisp:3:12-3:25"),
        ("func.func", f"{main}:3:1-3:32"),
        ("func.call", f"{main}:3:12-3:17"),
        ("func.return", f"{main}:3:18-3:31"),
    ]


def test_a_leading_blank_line_moves_every_place() -> None:
    before = places(lower(load_text(PROGRAM, "p.lisp"), context()))
    after = places(lower(load_text("\n" + PROGRAM, "p.lisp"), context()))
    assert [(name, where.count(":")) for name, where in before] == [
        (name, where.count(":")) for name, where in after
    ]
    moved = [
        one != other for one, other in zip(before, after, strict=True) if one[0] != "llvm.func"
    ]
    assert all(moved)


def test_a_text_with_a_tab_and_wide_letters_counts_code_points() -> None:
    text = '(require-dialect func)\n(defn f []\n\t"é→" (func.return))'
    module = lower(load_text(text, "p.lisp"), context())
    assert places(module)[1] == ("func.return", "p.lisp:3:7-3:20")
