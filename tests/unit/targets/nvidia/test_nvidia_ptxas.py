"""What ptxas tells of kernels, read."""

import pytest

from pharos.core.errors import InternalError
from pharos.targets.nvidia import ptxas

HEAD = ".version 8.0\n.target sm_80\n.address_size 64\n"
COPY = """
.visible .entry copy(.param .u64 a, .param .u64 b) {
  .reg .b64 %p<3>; .reg .b32 %v<8>; .shared .align 4 .b8 room[256];
  ld.param.u64 %p1, [a]; ld.param.u64 %p2, [b];
  ld.global.v4.u32 {%v1, %v2, %v3, %v4}, [%p1];
  st.shared.u32 [room], %v1; bar.sync 0; ld.shared.u32 %v5, [room];
  st.global.v4.u32 [%p2], {%v5, %v2, %v3, %v4};
  ret;
}"""
SPILLING = """
.visible .entry spills(.param .u64 a) .maxnreg 24 {
  .reg .b64 %p<2>; .reg .f32 %f<100>;
  ld.param.u64 %p1, [a];
  LOADS
  STORES
  ret;
}"""


def spilling():
    loads = "\n".join(f"ld.volatile.global.f32 %f{i}, [%p1+{4 * i}];" for i in range(90))
    stores = "\n".join(f"st.global.f32 [%p1+{4 * i}], %f{89 - i};" for i in range(90))
    return HEAD + SPILLING.replace("LOADS", loads).replace("STORES", stores)


def test_registers_and_shared_memory_by_kernel():
    found = ptxas.assemble(HEAD + COPY + COPY.replace("copy", "again"), "sm_80")
    assert sorted(found) == ["again", "copy"]
    needs = found["copy"]
    assert 4 <= needs.registers <= 32
    assert (needs.shared, needs.barriers) == (256, 1)
    assert (needs.spill_stores, needs.spill_loads, needs.stack) == (0, 0, 0)


def test_spills_are_told():
    needs = ptxas.assemble(spilling(), "sm_80")["spills"]
    assert needs.spill_stores > 0
    assert needs.spill_loads > 0
    assert needs.registers <= 24


def test_what_it_refuses_is_an_error_with_its_words():
    with pytest.raises(InternalError, match=r"(?s)refused code for sm_80.*line 5"):
        ptxas.assemble(HEAD + "\nnonsense;\n", "sm_80")


def test_its_release_is_the_pinned_one():
    assert ptxas.version().startswith("13.0.88")


def test_notes_belong_to_the_kernel_that_they_name():
    text = """ptxas info    : (C7510) Potential Performance Loss: wgmma.mma_async instructions are
ptxas info    : (C7519) warpgroup.arrive is injected in around line 225 in function 'a'
ptxas info    : Compiling entry function 'a' for 'sm_90a'
ptxas info    : Used 168 registers, used 1 barriers
ptxas info    : Compiling entry function 'b' for 'sm_90a'
ptxas info    : Used 16 registers"""
    found = dict(ptxas.kernels(text))
    assert found["a"].notes == (
        "(C7519) warpgroup.arrive is injected in around line 225 in function 'a'",
    )
    assert (found["a"].registers, found["b"].registers) == (168, 16)
    assert found["b"].notes == ()
