"""mma.sync in every shape and type against numpy, fragments included."""

import ml_dtypes
import numpy as np
import pytest

from pharos.targets.nvidia.meanings.fragments import Product

RNG = np.random.default_rng(11)
FORMATS = {
    # name in the spelling: element, registers' type, type of C and D, name after the shape
    "f16": (np.float16, "<2 x half>", "float", "f32.f32"),
    "f16 in f16": (np.float16, "<2 x half>", "<2 x half>", "f16.f16"),
    "bf16": (ml_dtypes.bfloat16, "i32", "float", "bf16"),
    "tf32": (np.float32, "i32", "float", "tf32"),
    "s8": (np.int8, "i32", "i32", "s8"),
    "u8": (np.uint8, "i32", "i32", "u8"),
}


def listed(type, count, first):
    return ", ".join(f"{type} %a{first + i}" for i in range(count))


def kernel_of(instruction, name, k):
    element, register, results, spelling = FORMATS[name]
    product = Product(16, 8, k, np.dtype(element).itemsize * 8)
    a, b = product.a.registers, product.b.registers
    count = 2 if results == "<2 x half>" else 4
    result = "{ " + ", ".join([results] * count) + " }"
    operands = [listed(register, a + b, 0), listed(results, count, a + b)]
    text = f"call {result} @llvm.nvvm.mma.m16n8k{k}.row.col.{spelling}({', '.join(operands)})"
    return product, instruction(text, (register,) * (a + b) + (results,) * count)


def random(element, *shape):
    if np.issubdtype(element, np.integer):
        info = np.iinfo(element)
        return RNG.integers(info.min, info.max + 1, shape).astype(element)
    return RNG.standard_normal(shape).astype(element)


def words(held):
    """A lane's elements as registers of 32 bits, one array for each register."""
    return np.ascontiguousarray(held).view(np.uint32).astype(np.uint32).T


CASES = [("f16", 16), ("f16", 8), ("f16 in f16", 16), ("bf16", 16),
         ("bf16", 8), ("tf32", 8), ("tf32", 4), ("s8", 32), ("s8", 16), ("u8", 32)]  # fmt: skip


@pytest.mark.parametrize(("name", "k"), CASES)
def test_products(instruction, name, k):
    element, register, results, _ = FORMATS[name]
    product, kernel = kernel_of(instruction, name, k)
    half = results == "<2 x half>"
    a, b = random(element, 16, k), random(element, k, 8)
    integer = np.issubdtype(element, np.integer)
    c = random(np.int32 if integer else np.float16 if half else np.float32, 16, 8)
    held_a, held_b = (
        words(part) for part in (product.a.distribute(a), product.b.distribute(b.T.copy()))
    )
    fragment = Product(16, 8, k, 16, 16).c if half else product.c
    held_c = fragment.distribute(c)
    held_c = words(held_c) if half else held_c.T
    found = kernel(
        *(h.view(np.int32) if register == "i32" else h for h in (*held_a, *held_b)), *held_c
    )
    check(a, b, c, found, half, integer, truncated=element == np.float32)


def check(a, b, c, found, half, integer, truncated):
    if truncated:
        a, b = ((x.view(np.uint32) & 0xFFFFE000).view(np.float32) for x in (a, b))
    wide = np.int64 if integer else np.float64
    wanted = a.astype(wide) @ b.astype(wide) + c.astype(wide)
    held = np.stack(found, axis=1)
    if half:
        got = Product(16, 8, 16, 16, 16).c.collect(held.view(np.float16))
        assert np.abs(got - wanted).max() <= np.abs(wanted).max() * 2**-11
        return
    got = Product(16, 8, 16, 16).c.collect(held)
    if integer:
        assert (got == wanted.astype(np.int32)).all()
    else:
        scale = np.abs(a.astype(wide)) @ np.abs(b.astype(wide)) + np.abs(c)
        assert (np.abs(got - wanted) <= scale * 2**-20).all()


def test_the_sums_of_integers_wrap_around(instruction):
    _, kernel = kernel_of(instruction, "u8", 32)
    ones = np.full(32, -1, np.int32)
    found = kernel(*[ones] * 6, *[np.full(32, 2**31 - 1, np.int32)] * 4)
    assert (found[0] == np.int32(2**31 - 1 + 32 * 255 * 255 - 2**32)).all()


def test_infinities_and_nan(instruction):
    product, kernel = kernel_of(instruction, "f16", 16)
    a, b = np.ones((16, 16), np.float16), np.ones((16, 8), np.float16)
    a[3, 5], a[4, 5], b[5, 7] = np.inf, np.nan, -1
    held = (*words(product.a.distribute(a)), *words(product.b.distribute(b.T.copy())))
    got = product.c.collect(np.stack(kernel(*held, *[np.zeros(32)] * 4), axis=1))
    assert (got[3, :7] == np.inf).all() and got[3, 7] == -np.inf
    assert np.isnan(got[4]).all() and (got[5, :7] == 16).all() and got[5, 7] == 14


def test_lanes_that_do_not_come(instruction):
    """Half of a warp at an mma.sync: the others have left."""
    from pharos.simt import SimulationFault

    _, kernel = kernel_of(instruction, "bf16", 8)
    text = kernel.module().replace("  %r = call {", "  %low = icmp ult i32 %tid, 16\n"
        "  br i1 %low, label %go, label %end\nend:\n  ret void\ngo:\n  %r = call {")  # fmt: skip
    kernel.module = lambda: text
    with pytest.raises(SimulationFault, match="deadlock"):
        kernel(*[np.zeros(32)] * 7)
