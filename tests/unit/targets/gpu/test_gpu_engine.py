"""The text of one kernel out of a module with several."""

import pytest

from pharos.core import settings
from pharos.core.errors import UserError
from pharos.targets.common.gpu.engine import Simulation, without_other_kernels

MODULE = """@shared = external addrspace(3) global [0 x i8]

define ptx_kernel void @first_0(ptr %0) #0 !dbg !3 {
  call void @helper(ptr %0)
  ret void
}

define void @helper(ptr %0) {
  ret void
}

define dso_local amdgpu_kernel void @first_00(ptr %0) {
  br label %1

1:
  ret void
}

define spir_kernel void @second(ptr %0) {
  ret void
}

attributes #0 = { nounwind }
"""


@pytest.mark.parametrize("name", ["first_0", "first_00", "second"])
def test_only_that_kernel_and_what_is_no_kernel_stay(name):
    text = without_other_kernels(MODULE, name)
    kept = [one for one in ("first_0", "first_00", "second") if f"@{one}(" in text]
    assert kept == [name]
    assert "define void @helper" in text and "attributes #0" in text and "@shared" in text


def test_how_to_simulate_comes_from_the_switches():
    assert Simulation.from_settings().order == "forward"
    with settings.scope(SIM_ORDER="shuffled", SIM_EFFECTS="earliest", SIM_CHECKS="none"):
        found = Simulation.from_settings()
    assert (found.order, found.effects, found.checks) == ("shuffled", "earliest", "none")


def test_switches_have_words(monkeypatch):
    monkeypatch.setenv("PHAROS_SIM_ORDER", "sideways")
    with pytest.raises(UserError, match="expected forward, backward or shuffled"):
        Simulation.from_settings()
