"""Python functions that compiled code calls, and that end it by raising."""

import threading

import pytest

from pharos.core.errors import UserError
from pharos.targets.cpu.jit import load_ir
from pharos.targets.cpu.stopping import Callee, Stoppable

LOOP = """
define void @main(ptr %frame) {{
  br label %loop
loop:
  %n = phi i64 [ 0, %0 ], [ %next, %loop ]
  %callee = inttoptr i64 {address} to ptr
  %next = call i64 %callee(i64 %n, ptr %frame)
  %more = icmp slt i64 %next, 100
  br i1 %more, label %loop, label %done
done:
  ret void
}}
"""


def looping(name, function):
    """A loop in native code over ``function``, and what calls it."""
    callees = Stoppable({"next": Callee("i64", ("i64", "ptr"), function)}, f"stopping-{name}")
    text = LOOP.format(address=callees.addresses["next"])
    return callees, load_ir(text, f"stopping-loop-{name}")["main"]


def test_values_go_in_and_come_out():
    seen = []

    def following(n, frame):
        seen.append((n, frame))
        return n + 40

    callees, main = looping("values", following)
    callees.call(main, 77)
    assert seen == [(0, 77), (40, 77), (80, 77)]


def test_an_error_ends_the_call_each_time():
    seen = []

    def following(n, frame):
        seen.append(n)
        if n == 2:
            raise UserError("enough")
        return n + 1

    callees, main = looping("error", following)
    for _ in range(3):
        with pytest.raises(UserError, match="enough"):
            callees.call(main, 1)
    assert seen == [0, 1, 2] * 3


def test_an_error_on_another_thread_is_raised_at_the_end():
    """Its frames are not those that the jump leaves out."""
    seen = []

    def following(n, frame):
        seen.append(n)
        if n == 0:
            other = threading.Thread(target=native, args=(1,))
            other.start()
            other.join()
            return 100
        raise UserError("elsewhere")

    callees, main = looping("thread", following)

    def native(n):
        import ctypes

        kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
        assert kind(callees.addresses["next"])(n, None) == 0

    with pytest.raises(UserError, match="elsewhere"):
        callees.call(main, 1)
    assert seen == [0, 1]


def test_code_that_raises_nothing_returns():
    callees, main = looping("nothing", lambda n, frame: 100)
    assert callees.call(main, 0) is None


def test_calls_of_two_threads_end_each_by_themselves():
    inside, failed = threading.Event(), threading.Event()

    def following(n, frame):
        if frame == 1:
            assert inside.wait(10)
            raise UserError("the first alone")
        inside.set()
        assert failed.wait(10)
        return n + 50

    callees, main = looping("threads", following)
    ended = []

    def second():
        callees.call(main, 2)
        ended.append("second")

    other = threading.Thread(target=second)
    other.start()
    with pytest.raises(UserError, match="the first alone"):
        callees.call(main, 1)
    failed.set()
    other.join()
    assert ended == ["second"]
