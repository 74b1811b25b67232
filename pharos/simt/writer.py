"""What a meaning writes with: everything the engine offers to one instruction."""

from __future__ import annotations

from collections.abc import Sequence

from pharos.core.errors import InternalError
from pharos.simt import types
from pharos.simt.accesses import name_of
from pharos.simt.effects import Effects
from pharos.simt.emitter import Body, Written
from pharos.simt.meanings import Call
from pharos.simt.values import Operand, Value

_MEANING_FAULT = 8
# A meaning with more instructions than this is a function of its own, not copied to every use.
_LONGEST_INLINE = 60


class Writer(Effects):
    """Writes the function that stands for one instruction. See `pharos.simt` for its use."""

    def __init__(
        self,
        written: Written,
        subgroup_size: int,
        what: int,
        checked: bool = False,
        shared_space: int = 3,
    ) -> None:
        super().__init__()
        self.checked = checked
        self.shared_space = shared_space
        self.written = written
        self.subgroup_size = subgroup_size
        self.what = what
        self.site = Value(self, "%site", "i32")
        self._left: list[Value] = []

    # -- memory --------------------------------------------------------------------------------

    def load(self, pointer: Value, type: str, alignment: int = 1) -> Value:
        """What a pointer of the kernel points at, checked as the kernel's own loads are."""
        self.check("read", pointer, type, alignment)
        return self.peek(pointer, type)

    def store(self, value: Value, pointer: Value, alignment: int = 1) -> None:
        """Stores through a pointer of the kernel, checked as the kernel's own stores are."""
        self.check("write", pointer, value.type, alignment)
        self.poke(value, pointer)

    def copy(self, target: Value, source: Value, size: Operand, alignment: int = 1) -> None:
        """Copies ``size`` bytes (a number or an i32) from one place of the kernel to another.

        Both places and the size are multiples of ``alignment``.
        """
        count = self.convert(self.operand(size, "i32"), "i64")
        for access, pointer in (("read", source), ("write", target)):
            if isinstance(size, int):
                self._check(access, pointer, size, min(size, alignment), alignment)
            else:
                self._check(access, pointer, 0, alignment, alignment, count)
        plain = [self.cast("addrspacecast", p, "ptr") for p in (target, source)]
        self.call("llvm.memmove.p0.p0.i64", "void", *plain, count, self.constant(False, "i1"))

    def atomic(self, operation: str, pointer: Value, value: Value) -> Value:
        """`atomicrmw <operation>` (`add`, `xchg`, `fadd`, `umax`, ...): the value before."""
        self.check("atomic", pointer, value.type, 1)
        text = f"atomicrmw {operation} {pointer.typed}, {value.typed} seq_cst"
        return self.emit(text, value.type)

    def compare_exchange(self, pointer: Value, expected: Value, new: Value) -> Value:
        """Stores ``new`` where ``expected`` stands: the value before."""
        self.check("atomic", pointer, new.type, 1)
        text = f"cmpxchg {pointer.typed}, {expected.typed}, {new.typed} seq_cst seq_cst"
        return self.extract(self.emit(text, f"{{ {new.type}, i1 }}"), 0)

    def pointer(self, address: Value, space: int = 0) -> Value:
        """The pointer with this address: shared memory has addresses below 2**32."""
        return self.cast("inttoptr", address, _pointer(space))

    def address(self, pointer: Value) -> Value:
        """A pointer's address, i64."""
        return self.cast("ptrtoint", pointer, "i64")

    def check(self, access: str, pointer: Value, type: str, alignment: int) -> None:
        """Checks one access ("read", "write", "atomic") as far as this kernel is checked."""
        size = types.size_of(type)
        self._check(access, pointer, size, size, alignment)

    def check_bytes(
        self, access: str, pointer: Value, size: Value, alignment: int, finest: int = 1
    ) -> None:
        """Checks the access to ``size`` bytes (i64) that is known only when it happens.

        ``finest``: the place and the size are multiples of so many bytes.
        """
        self._check(access, pointer, 0, finest, alignment, size)

    def _check(
        self, access: str, pointer: Value, size: int, finest: int, alignment: int, *bytes: Value
    ) -> None:
        if not self.checked:
            return
        shared = types.address_space(pointer.type) == self.shared_space
        space = "shared" if shared else "any"
        self.written.need(access, space, size, finest)
        mask = self.constant(alignment - 1, "i64")
        name = name_of(access, space, size)
        self.call(name, "void", self.address(pointer), mask, *bytes, self.site)

    def last_write(self, pointer: Value) -> tuple[Value, Value]:
        """When the bytes at a pointer into shared memory were written last, and by which thread.

        The moment (i32) only grows and can be compared with `moment()`. Only with checks: raises
        InternalError without (`self.checked`).
        """
        self._need_checks()
        shared = self.peek(Value(self, "@simt.shared", "ptr"), "i64")
        cell = self.call("simt.shadow.writer", "i32", self.address(pointer) - shared)
        return cell >> 11, cell & 1023

    def moment(self) -> Value:
        """Now, for `last_write`: what is written from here on is later (i32)."""
        self._need_checks()
        return self.call("simt.tick", "i32")

    def _need_checks(self) -> None:
        if not self.checked:
            raise InternalError("without checks nobody remembers who wrote what")

    # -- faults --------------------------------------------------------------------------------

    def fault(self, message: str, *values: Value) -> None:
        """The kernel stops; `{0}` and `{1}` in the message stand for integer ``values``."""
        number = self.constant(self.written.message(message), "i64")
        given = [self.convert(v, "i64", signed=True) for v in values[:2]]
        given += [self.constant(0, "i64")] * (2 - len(given))
        kind = self.constant(_MEANING_FAULT, "i64")
        self.call("simt.fail", "void", kind, self.site, number, *given)

    def require(self, condition: Value, message: str, *values: Value) -> None:
        """The kernel stops with the message unless the condition (i1) holds."""
        with self.when(~condition):
            self.fault(message, *values)

    # -- the function --------------------------------------------------------------------------

    def table(self, numbers: Sequence[int], type: str = "i32") -> Value:
        """A pointer to a constant table of numbers, for a meaning to index."""
        name = f"simt.table.{len(self.written.globals)}"
        listed = ", ".join(f"{type} {number}" for number in numbers)
        self.written.globals.append(
            f"@{name} = internal constant [{len(numbers)} x {type}] [{listed}], align 64"
        )
        return Value(self, f"@{name}", "ptr")

    def kept(self, name: str, type: str, *, zero: bool = True) -> Value:
        """A pointer to memory of the block that meanings share by its name.

        It is zero when a block starts, or holds anything (``zero`` False, for what is large).
        """
        if name not in self.written.kept:
            line = f'@"{name}" = internal global {type} zeroinitializer, align 64'
            self.written.globals.append(line)
            self.written.kept[name] = type if zero else ""
        return Value(self, f'@"{name}"', "ptr")

    def element(self, pointer: Value, index: Operand, type: str) -> Value:
        """A pointer to element ``index`` of an array of ``type``."""
        at = index if isinstance(index, Value) else self.constant(index, "i64")
        at = self.convert(at, "i64")
        return self.emit(f"getelementptr {type}, {pointer.typed}, {at.typed}", pointer.type)

    def say(self, *words: Value) -> None:
        """Hand these i64 to whoever runs the kernel, with its block and thread (``Said``)."""
        self.written.says = True
        at = self.call("simt.say", "ptr", self.constant(len(words), "i64"))
        for number, word in enumerate(words):
            self.poke(word, self.offset(at, 8 * number))

    def finish(self, name: str, call: Call, result: object) -> None:
        """Ends the function ``name`` with the meaning's result and hands it in."""
        for held in self._left:
            self.call("simt.group.done", "void", self.peek(held, "ptr"))
        if call.type == "void":
            self.do("ret void")
        elif isinstance(result, (list, tuple)):
            self.do(f"ret {self.aggregate(call.type, result).typed}")
        elif isinstance(result, (Value, int, float)):
            self.do(f"ret {self.operand(result, call.type).typed}")
        else:
            raise InternalError(f"the meaning of {call.text!r} gives no {call.type}: {result!r}")
        parameters = ", ".join(["i32 %site", *(a.typed for a in call.arguments)])
        short = len(self.body.lines) <= _LONGEST_INLINE
        text = self.body.text(
            f'define internal {call.type} @"{name}"({parameters})',
            "alwaysinline" if short else "noinline",
        )
        self.written.functions.append(text)
        self.body = Body()


def _pointer(space: int) -> str:
    return f"ptr addrspace({space})" if space else "ptr"
