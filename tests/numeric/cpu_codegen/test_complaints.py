"""Errors that LLVM only prints end the compilation."""

import os

import pytest

from pharos.core.errors import UserError
from pharos.targets.cpu.complaints import complaints_are_errors
from pharos.toolchain import Request, compile, mlir_payload

BOGUS = """
func.func @main() -> i32 {
  %0 = llvm.inline_asm "bogus $0", "=r" : () -> i32
  return %0 : i32
}"""


def test_bad_inline_assembly_is_refused_and_not_cached():
    for _ in range(2):
        with pytest.raises(UserError, match="invalid instruction mnemonic 'bogus'"):
            compile(mlir_payload(BOGUS), Request(pipeline="default"))


def test_other_text_is_passed_on(capfd):
    with complaints_are_errors():
        os.write(2, b"warning: slow\n")
    assert capfd.readouterr().err == "warning: slow\n"


def test_an_exception_inside_is_not_hidden(capfd):
    with pytest.raises(KeyError), complaints_are_errors():
        os.write(2, b"warning: slow\n")
        raise KeyError("inside")
    assert "slow" in capfd.readouterr().err


@pytest.mark.parametrize("text", ["warning: slow\n", "a.s:1: error: bad\n"])
def test_where_stderr_is_a_file_the_text_is_there_at_once(tmp_path, text):
    path = tmp_path / "stderr"
    kept = os.dup(2)
    with path.open("wb") as file:
        os.dup2(file.fileno(), 2)
        try:
            os.write(2, b"before\n")
            try:
                with complaints_are_errors():
                    os.write(2, text.encode())
                    assert path.read_text() == "before\n" + text
            except UserError as error:
                assert "LLVM cannot generate code: bad" in error.message
            os.write(2, b"after\n")
        finally:
            os.dup2(kept, 2)
            os.close(kept)
    passed_on = "" if "error" in text else text
    assert path.read_text() == f"before\n{passed_on}after\n"
