"""Python functions that compiled code calls, and that end the whole call when they raise.

    compiled main -> shim -> Python function raises
      ==> the shim jumps back to where main was entered, and the error is raised there

ctypes itself would print the error and let the compiled code go on. The jump (C's longjmp) leaves
out compiled frames alone: the shim makes it when the Python function has returned. What those
frames had allocated stays allocated. On another thread than the one that entered (a parallel
loop's), the function returns zero, all later ones do nothing, and the error is raised when the
call ends by itself.

A failed assertion of the code is such a function: ``ASSERTION_FAILED``, which all code may call.
"""

from __future__ import annotations

import ctypes
import functools
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import llvmlite.binding as llvm

from pharos.core.errors import UserError
from pharos.core.span import Span
from pharos.targets.cpu.jit import jit

# By LLVM's names; a pointer is passed as a number.
_C: Mapping[str, Any] = {
    "void": None,
    "i8": ctypes.c_int8,
    "i16": ctypes.c_int16,
    "i32": ctypes.c_int32,
    "i64": ctypes.c_int64,
    "ptr": ctypes.c_uint64,
}
_ENTER = """
declare i32 @_setjmp(ptr) returns_twice
declare void @longjmp(ptr, i32) noreturn

define i32 @pharos.enter(ptr %function, ptr %frame, ptr %buffer) {
  %back = call i32 @_setjmp(ptr %buffer) returns_twice
  %first = icmp eq i32 %back, 0
  br i1 %first, label %run, label %stopped
run:
  call void %function(ptr %frame)
  ret i32 0
stopped:
  ret i32 1
}
"""
# Takes the text of a failed assertion, "FILE:LINE:COLUMN: " before it where that is known.
ASSERTION_FAILED = "pharos_assertion_failed"
_PLACED = re.compile(r"(?P<file>.+?):(?P<line>\d+):(?P<column>\d+): (?P<message>.*)", re.DOTALL)
_BUFFER_BYTES = 1024  # jmp_buf of glibc has 200 on x86-64, 312 on aarch64
_PLATFORM = ("_setjmp", "longjmp")


@dataclass(frozen=True)
class Callee:
    """A Python function with its C signature, by LLVM's names of types."""

    result: str
    parameters: tuple[str, ...]
    function: Callable[..., Any]


@dataclass
class _Entered:
    """One call that is under way: where to jump to, on which thread, and what went wrong."""

    buffer: Any = field(default_factory=lambda: ctypes.create_string_buffer(_BUFFER_BYTES + 64))
    thread: int = field(default_factory=threading.get_ident)
    error: BaseException | None = None

    @property
    def at(self) -> int:
        """The buffer's address, aligned for any platform."""
        return -(-ctypes.addressof(self.buffer) // 64) * 64


class Stoppable:
    """The shims of ``callees`` by name, and how to call code that calls them."""

    def __init__(self, callees: Mapping[str, Callee], name: str) -> None:
        """``name`` is that of a library in the JIT; no other may have it."""
        callees = {**callees, ASSERTION_FAILED: Callee("void", ("ptr",), _assertion_failed)}
        # By thread, for code may be called from several; the latest one's for other threads.
        self._entered: dict[int, _Entered] = {}
        self._kept = {n: self._callback(callee) for n, callee in callees.items()}
        builder = llvm.JITLibraryBuilder().add_ir(
            "\n".join([_ENTER, *(_shim(n, callee) for n, callee in callees.items())])
        )
        for outside in _PLATFORM:
            builder.import_symbol(outside, _address(getattr(ctypes.CDLL(None), outside)))
        for inside, callback in self._kept.items():
            builder.import_symbol(f"python.{inside}", _address(callback))
        for own in ("pharos.enter", *callees):
            builder.export_symbol(own)
        self._library = builder.link(jit(), name)
        self.addresses = {n: int(self._library[n]) for n in callees}
        kind = ctypes.CFUNCTYPE(ctypes.c_int, *[ctypes.c_void_p] * 3)
        self._enter = kind(self._library["pharos.enter"])

    def call(self, function: int, frame: int) -> None:
        """Call ``void (ptr)`` at the address ``function``. Raises what a callee raised."""
        entered = _Entered()
        outer = self._entered.pop(entered.thread, None)
        self._entered[entered.thread] = entered
        try:
            self._enter(function, frame, entered.at)
        finally:
            del self._entered[entered.thread]
            if outer is not None:
                self._entered[entered.thread] = outer
        if entered.error is not None:
            raise entered.error

    def _of_this_thread(self) -> _Entered | None:
        known = self._entered
        return known.get(threading.get_ident()) or next(reversed(tuple(known.values())), None)

    def _callback(self, callee: Callee) -> Any:
        kinds = [_C[kind] for kind in callee.parameters]
        zero = None if callee.result == "void" else 0

        def called(stop: int, *values: int) -> Any:
            entered = self._of_this_thread()
            if entered is not None and entered.error is not None:
                return zero
            try:
                return callee.function(*values)
            except BaseException as error:  # raised where the code was entered
                if entered is not None:
                    entered.error = error
                    if entered.thread == threading.get_ident():
                        ctypes.c_uint64.from_address(stop).value = entered.at
                return zero

        return ctypes.CFUNCTYPE(_C[callee.result], ctypes.c_uint64, *kinds)(called)


@functools.cache
def assertions() -> Stoppable:
    """What code is called through that calls no function but for its assertions."""
    return Stoppable({}, "pharos-assertions")


def _assertion_failed(text: int) -> None:
    told = ctypes.string_at(text).decode(errors="replace")
    placed = _PLACED.fullmatch(told)
    if placed is None:
        raise UserError(told)
    raise UserError(
        placed["message"],
        span=Span(placed["file"], int(placed["line"]), int(placed["column"])),
    )


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _shim(name: str, callee: Callee) -> str:
    """``name`` in LLVM IR: calls Python, and jumps where that says so."""
    kinds = callee.parameters
    given = ", ".join(f"{kind} %a{n}" for n, kind in enumerate(kinds))
    passed = ", ".join(["ptr %stop", *(f"{kind} %a{n}" for n, kind in enumerate(kinds))])
    value = "" if callee.result == "void" else "%value = "
    returned = "void" if callee.result == "void" else f"{callee.result} %value"
    return f"""
declare {callee.result} @"python.{name}"({", ".join(["ptr", *kinds])})

define {callee.result} @"{name}"({given}) {{
  %stop = alloca ptr
  store ptr null, ptr %stop
  {value}call {callee.result} @"python.{name}"({passed})
  %buffer = load volatile ptr, ptr %stop
  %none = icmp eq ptr %buffer, null
  br i1 %none, label %on, label %out
on:
  ret {returned}
out:
  call void @longjmp(ptr %buffer, i32 1) noreturn
  unreachable
}}"""
