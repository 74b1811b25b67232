"""What the tests of single instructions share."""

import pytest
from lone_instructions import Instruction


@pytest.fixture(scope="session")
def instruction():
    """``instruction(call, operand types)``: a function of arrays."""
    return Instruction
