"""Kernels are compiled in units; what is the same in two kernels is compiled once."""

from __future__ import annotations

import numpy as np

from pharos.simt import Meanings, Simulator, build, meaning
from pharos.simt.units import Library

LONG = Meanings("long")


@meaning(LONG, r"long\.(\w+)", source="this test")
def long(w, call):
    """A table, an effect, a message and many instructions."""
    (value,) = call.arguments
    table = w.table([7, 11])
    if call.match[1] == "chained":
        for _ in range(80):
            value = value + 1
    with w.later(0, value) as (later,):
        w.require(later > 0, "never {0}", later)
    w.drain(0)
    return value + w.peek(w.element(table, 1, "i32"), "i32")


def kernel(name: str, factor: int) -> Simulator:
    text = f"""
declare i32 @long.{name}(i32)
define void @k(ptr %y) {{
  %a = call i32 @long.{name}(i32 {factor})
  %b = mul i32 %a, {factor}
  store i32 %b, ptr %y
  ret void
}}"""
    return Simulator(text, "k", meanings=LONG)


def result(simulator: Simulator) -> int:
    y = np.zeros(1, np.int32)
    simulator.run((1,), (1,), (y,))
    return int(y[0])


def test_short_meanings_are_part_of_the_kernel_and_long_ones_are_not():
    assert result(kernel("short", 3)) == (3 + 11) * 3
    assert result(kernel("chained", 3)) == (3 + 80 + 11) * 3


def test_a_second_kernel_compiles_only_what_is_its_own():
    build._OBJECTS.clear()
    first = kernel("chained", 5)
    before = len(build._OBJECTS)
    second = kernel("chained", 6)
    assert len(build._OBJECTS) == before + 1
    assert result(first) == (5 + 80 + 11) * 5
    assert result(second) == (6 + 80 + 11) * 6


def test_two_instructions_that_do_the_same_share_a_unit():
    twins = Meanings("twins")

    @meaning(twins, r"twin\.(one|two)", source="this test")
    def twin(w, call):
        (value,) = call.arguments
        for _ in range(80):
            value = value + 1
        return value

    text = """
declare i32 @twin.one(i32)
declare i32 @twin.two(i32)
define void @k(ptr %y) {
  %a = call i32 @twin.one(i32 1)
  %b = call i32 @twin.two(i32 %a)
  store i32 %b, ptr %y
  ret void
}"""
    assert result(Simulator(text, "k", meanings=twins)) == 161


def test_a_unit_declares_what_others_hold_and_copies_what_is_inlined():
    library = Library("""
%pair = type { i32,
               i32 }
@count = dso_local global i64 0
define internal i32 @small(i64 %x) alwaysinline {
  %n = load i64, ptr @count
  ret i32 0
}
define internal void @large({ i32, ptr } %x, ptr %y) noinline {
  ret void
}
define internal void @user() noinline {
  call i32 @small(i64 1)
  call void @large({ i32, ptr } zeroinitializer, ptr null)
  ret void
}""")
    unit = library.unit([library.definitions["user"]])
    assert "define void @user() noinline {" in unit
    assert "define internal i32 @small(i64 %x) alwaysinline {" in unit
    assert "declare void @large({ i32, ptr } %x, ptr %y)\n" in unit
    assert "@count = external global i64" in unit
    assert unit.count("type {") == 1
