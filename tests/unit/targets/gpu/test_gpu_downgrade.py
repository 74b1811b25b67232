"""LLVM 24's text in LLVM 22's words: every literal keeps its bits."""

import re

import llvmlite.binding as llvm
import pytest

from pharos.targets.common.gpu.downgrade import downgraded, without_places


def constant_bits(kind, literal):
    """The bits that LLVM 22 gives a constant after the downgrade."""
    size = {"half": 16, "bfloat": 16, "float": 32, "double": 64}[kind]
    cast = f"  %1 = bitcast {kind} {literal} to i{size}\n  ret i{size} %1\n"
    text = f"define i{size} @f() {{\n{cast}}}\n"
    module = llvm.parse_assembly(downgraded(text))
    machine = llvm.Target.from_default_triple().create_target_machine()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options())
    builder.getModulePassManager().run(module, builder)
    folded = str(next(iter(module.functions)))
    return int(re.search(r"ret i\d+ (-?\d+)", folded)[1]) % (1 << size)


@pytest.fixture(autouse=True, scope="module")
def native():
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@pytest.mark.parametrize(
    ("kind", "literal", "bits"),
    [
        ("float", "f0x3F9D70A4", 0x3F9D70A4),
        ("float", "f0x00000001", 0x00000001),
        ("float", "f0x80000000", 0x80000000),
        ("float", "+inf", 0x7F800000),
        ("float", "-inf", 0xFF800000),
        ("float", "+qnan", 0x7FC00000),
        ("float", "-qnan", 0xFFC00000),
        ("float", "+nan(0x5)", 0x7F800005),
        ("half", "f0x3C01", 0x3C01),
        ("half", "-inf", 0xFC00),
        ("bfloat", "f0x3F81", 0x3F81),
        ("bfloat", "+qnan", 0x7FC0),
        ("double", "f0x3FF0000000000001", 0x3FF0000000000001),
        ("double", "+inf", 0x7FF0000000000000),
        ("float", "1.000000e+00", 0x3F800000),
        ("float", "1.000000e-30", 0x0DA24260),
        ("float", "-6.090360e-04", 0xBA1FA7B7),
        ("half", "1.000000e-01", 0x2E66),
        ("bfloat", "1.000000e-01", 0x3DCD),
        ("double", "1.000000e-01", 0x3FB999999999999A),
    ],
)
def test_literals_keep_their_bits(kind, literal, bits):
    assert constant_bits(kind, literal) == bits


def test_names_strings_and_comments_stay():
    line = '@inf = global float f0x3F800001 ; inf\n!0 = !{!"inf f0x1"}\n; float f0x00000001\n'
    changed = downgraded(line)
    assert changed.startswith("@inf = global float 0x3FF0000020000000")
    assert '!"inf f0x1"' in changed
    assert "; float f0x00000001" in changed


def test_the_type_nearest_before_a_literal_counts():
    line = "  %r = select i1 %c, half f0x3C01, half f0x3C02\n"
    assert downgraded(line) == "  %r = select i1 %c, half 0xH3C01, half 0xH3C02\n"
    mixed = "  call void @f(double f0x3FF0000000000001, float f0x3F800001)\n"
    assert downgraded(mixed) == (
        "  call void @f(double 0x3FF0000000000001, float 0x3FF0000020000000)\n"
    )


def test_attributes_that_llvm_22_lacks_are_dropped():
    text = "attributes #1 = { nocallback nocreateundeforpoison nounwind }\n"
    assert downgraded(text) == "attributes #1 = { nocallback nounwind }\n"


def test_places_go_and_the_code_stays():
    text = (
        "define void @k(ptr %0) !dbg !3 {\n  store i32 1, ptr %0, align 4, !dbg !7\n"
        "  ret void, !dbg !7\n}\n\n!llvm.dbg.cu = !{!0}\n!llvm.module.flags = !{!2}\n\n"
        '!0 = distinct !DICompileUnit(language: DW_LANG_C, file: !1, producer: "M", '
        "isOptimized: true, runtimeVersion: 0, emissionKind: LineTablesOnly)\n"
        '!1 = !DIFile(filename: "a", directory: "")\n!2 = !{i32 2, !"Debug Info Version", i32 3}\n'
        '!3 = distinct !DISubprogram(name: "k", scope: !1, file: !1, line: 1, unit: !0)\n'
        "!7 = !DILocation(line: 2, column: 3, scope: !3)\n"
    )
    plain = without_places(text)
    assert "!dbg" not in plain and "!DI" not in plain
    module = llvm.parse_assembly(plain)
    module.verify()
    assert "store i32 1, ptr %0, align 4" in str(module)
