"""Writes functions in LLVM IR, a line at a time: values, blocks, loops and local variables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pharos.simt import types
from pharos.simt.accesses import Needed, masked_function
from pharos.simt.values import Operand, Value, constant_text


class Body:
    """The function being written: its lines, those of its entry, and the block it stands in."""

    def __init__(self) -> None:
        self.entry: list[str] = []
        self.lines: list[str] = []
        self.block = "start"
        self.count = 0

    def fresh(self, word: str = "v") -> str:
        """A name that is not used in this function yet."""
        self.count += 1
        return f"{word}.{self.count}"

    def text(self, header: str, attributes: str) -> str:
        """The whole definition; ``header`` is `define ... @name(...)`."""
        entry = "\n".join(["entry:", *self.entry, "  br label %start", "start:"])
        return f"{header} {attributes} {{\n{entry}\n" + "\n".join(self.lines) + "\n}\n"


# What meanings may say, of all kernels: so the code of a meaning is the same in each.
_MESSAGES: dict[str, int] = {}


@dataclass
class Written:
    """What the meanings of one kernel have written so far."""

    functions: list[str] = field(default_factory=list)
    globals: list[str] = field(default_factory=list)
    effects: int = 0
    needed: set[Needed] = field(default_factory=set)
    granules: set[int] = field(default_factory=lambda: {4})
    masked: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    says: bool = False

    def need(self, access: str, space: str, size: int, granule: int) -> None:
        """The kernel makes such accesses, the finest of them of ``granule`` bytes."""
        self.needed.add((access, space, size))
        self.granules.add(granule)

    def masked_check(self, access: str, count: int, size: int, many: bool) -> str:
        """The function that checks the elements of a masked access: one address, or ``many``."""
        name = f"simt.check.{access}.{'each' if many else 'row'}.{count}.{size}"
        self.masked.setdefault(name, masked_function(name, access, count, size, many))
        return name

    def message(self, text: str) -> int:
        """The number under which the host finds ``text``."""
        return _MESSAGES.setdefault(text, len(_MESSAGES))

    @staticmethod
    def words(number: int) -> str:
        """The message with this number."""
        return list(_MESSAGES)[number]


class Variable:
    """A local variable: ``get`` and ``set``. It costs nothing once it is optimised."""

    def __init__(self, emitter: Emitter, type: str, pointer: str) -> None:
        self.emitter = emitter
        self.type = type
        self.pointer = Value(emitter, pointer, "ptr")

    def get(self) -> Value:
        """What was set last."""
        return self.emitter.emit(f"load {self.type}, ptr {self.pointer.text}", self.type)

    def set(self, value: Operand) -> None:
        """Replaces the value."""
        given = self.emitter.operand(value, self.type)
        self.emitter.do(f"store {given.typed}, ptr {self.pointer.text}")


class Emitter:
    """One place where instructions are appended, with what every writer of IR needs."""

    def __init__(self) -> None:
        self.body = Body()

    # -- single instructions ---------------------------------------------------------------

    def emit(self, instruction: str, type: str) -> Value:
        """Appends an instruction that gives a value of ``type``."""
        name = "%" + self.body.fresh()
        self.body.lines.append(f"  {name} = {instruction}")
        return Value(self, name, type)

    def do(self, instruction: str) -> None:
        """Appends an instruction without a value."""
        self.body.lines.append(f"  {instruction}")

    def constant(self, value: float | bool, type: str = "i32") -> Value:
        """A constant; of a vector type, the same in every element."""
        return Value(self, constant_text(value, type), type)

    def operand(self, value: Operand, type: str) -> Value:
        """``value`` itself, or the constant of ``type``; TypeError for a Value of another."""
        if not isinstance(value, Value):
            return self.constant(value, type)
        if value.type != type:
            raise TypeError(f"expected a value of type {type}, found {value!r}")
        return value

    def call(self, function: str, type: str, *arguments: Value) -> Value:
        """Calls a function by its name without `@`; of type "void" it gives nothing to use."""
        given = ", ".join(argument.typed for argument in arguments)
        instruction = f"call {type} @{function}({given})"
        if type == "void":
            self.do(instruction)
            return Value(self, "poison", "void")
        return self.emit(instruction, type)

    def intrinsic(self, name: str, *arguments: Value) -> Value:
        """`llvm.<name>` overloaded by its first argument's type, and of that type: `fma`, `exp`."""
        suffix = intrinsic_suffix(arguments[0].type)
        return self.call(f"llvm.{name}.{suffix}", arguments[0].type, *arguments)

    def select(self, condition: Value, then: Operand, otherwise: Operand) -> Value:
        """One of two values of the same type, at least one of which is a Value."""
        type = then.type if isinstance(then, Value) else getattr(otherwise, "type", "i32")
        left, right = self.operand(then, type), self.operand(otherwise, type)
        return self.emit(f"select {condition.typed}, {left.typed}, {right.typed}", type)

    # -- conversions -----------------------------------------------------------------------

    def cast(self, operation: str, value: Value, type: str) -> Value:
        """An explicit conversion (`zext`, `sext`, `bitcast`, `ptrtoint`, ...); none if equal."""
        if value.type == type:
            return value
        return self.emit(f"{operation} {value.typed} to {type}", type)

    def convert(self, value: Value, type: str, signed: bool = False) -> Value:
        """The number ``value`` as ``type``, integers or floats on both sides; vectors too."""
        old, new = _element(value.type), _element(type)
        old_bits, new_bits = types.bits_of(old), types.bits_of(new)
        sign = "s" if signed else "u"
        match types.is_float(old), types.is_float(new):
            case False, False:
                wider = "sext" if signed else "zext"
                name = wider if new_bits > old_bits else "trunc"
            case True, True if old_bits == new_bits and old != new:
                middle = type.replace(new, "float")
                return self.convert(self.convert(value, middle), type)
            case True, True:
                name = "fpext" if new_bits > old_bits else "fptrunc"
            case True, False:
                name = f"fpto{sign}i"
            case _:
                name = f"{sign}itofp"
        return self.cast(name, value, type)

    # -- aggregates and vectors ------------------------------------------------------------

    def extract(self, value: Value, index: int | Value) -> Value:
        """An element of a vector, or a field of a structure or array (index a number)."""
        vector = types.vector_of(value.type)
        if vector:
            at = self.operand(index, "i32") if isinstance(index, int) else index
            return self.emit(f"extractelement {value.typed}, {at.typed}", vector[1])
        array = types.array_of(value.type)
        field = array[1] if array else types.fields_of(value.type)[int(index)]  # type: ignore[arg-type]
        return self.emit(f"extractvalue {value.typed}, {index}", field)

    def insert(self, value: Value, element: Operand, index: int | Value) -> Value:
        """``value`` with one element or field replaced."""
        vector = types.vector_of(value.type)
        if vector:
            at = self.operand(index, "i32") if isinstance(index, int) else index
            new = self.operand(element, vector[1])
            return self.emit(f"insertelement {value.typed}, {new.typed}, {at.typed}", value.type)
        array = types.array_of(value.type)
        field = array[1] if array else types.fields_of(value.type)[int(index)]  # type: ignore[arg-type]
        new = self.operand(element, field)
        return self.emit(f"insertvalue {value.typed}, {new.typed}, {index}", value.type)

    def undefined(self, type: str) -> Value:
        """A value of which nothing is known, to insert into."""
        return Value(self, "poison", type)

    def aggregate(self, type: str, parts: Sequence[Operand]) -> Value:
        """A vector, structure or array of these parts."""
        whole = self.undefined(type)
        for index, part in enumerate(parts):
            whole = self.insert(whole, part, index)
        return whole

    def parts(self, value: Value) -> list[Value]:
        """All elements of a vector, fields of a structure or array; a scalar alone."""
        counted = types.vector_of(value.type) or types.array_of(value.type)
        if counted:
            return [self.extract(value, index) for index in range(counted[0])]
        if value.type.startswith(("{", "<{")):
            return [self.extract(value, i) for i in range(len(types.fields_of(value.type)))]
        return [value]

    # -- control flow ----------------------------------------------------------------------

    def label(self, name: str) -> None:
        """Starts the block ``name``."""
        self.body.lines.append(f"{name}:")
        self.body.block = name

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Runs what stands inside only if the condition (i1) holds."""
        then, after = self.body.fresh("then"), self.body.fresh("after")
        self.do(f"br {condition.typed}, label %{then}, label %{after}")
        self.label(then)
        yield
        self.do(f"br label %{after}")
        self.label(after)

    @contextmanager
    def loop(self, stop: Operand, start: Operand = 0, step: Operand = 1) -> Iterator[Value]:
        """`for i in range(start, stop, step)`, unsigned i32 or the type of a given Value."""
        given = [v.type for v in (stop, start, step) if isinstance(v, Value)]
        type = given[0] if given else "i32"
        first, last, by = (self.operand(v, type) for v in (start, stop, step))
        head, inside, after = (self.body.fresh(w) for w in ("head", "each", "end"))
        before, latch = self.body.block, self.body.fresh("latch")
        self.do(f"br label %{head}")
        self.label(head)
        index, following = "%" + self.body.fresh("i"), "%" + self.body.fresh("next")
        self.do(f"{index} = phi {type} [ {first.text}, %{before} ], [ {following}, %{latch} ]")
        more = Value(self, index, type) < last
        self.do(f"br {more.typed}, label %{inside}, label %{after}")
        self.label(inside)
        yield Value(self, index, type)
        self.do(f"br label %{latch}")
        self.label(latch)
        self.do(f"{following} = add {type} {index}, {by.text}")
        self.do(f"br label %{head}")
        self.label(after)

    @contextmanager
    def repeat(self) -> Iterator[Repeat]:
        """Again and again until `again.until(condition)` holds, which must be said once."""
        head, after = self.body.fresh("again"), self.body.fresh("end")
        self.do(f"br label %{head}")
        self.label(head)
        yield Repeat(self, after)
        self.do(f"br label %{head}")
        self.label(after)

    def variable(self, type: str, initial: Operand | None = None) -> Variable:
        """A local variable of the function being written."""
        made = Variable(self, type, self.local(type).text)
        if initial is not None:
            made.set(initial)
        return made

    def local(self, type: str) -> Value:
        """A pointer to memory of the running thread, large enough for one value of ``type``."""
        name = "%" + self.body.fresh("local")
        self.body.entry.append(f"  {name} = alloca {type}, align 64")
        return Value(self, name, "ptr")


class Repeat:
    """A `repeat` under way."""

    def __init__(self, emitter: Emitter, after: str) -> None:
        self._emitter = emitter
        self._after = after

    def until(self, condition: Value) -> None:
        """Leaves the loop here if the condition holds."""
        on = self._emitter.body.fresh("on")
        self._emitter.do(f"br {condition.typed}, label %{self._after}, label %{on}")
        self._emitter.label(on)


def _element(type: str) -> str:
    vector = types.vector_of(type)
    return vector[1] if vector else type


def intrinsic_suffix(type: str) -> str:
    """How LLVM mangles a type in an intrinsic's name: `v4f32`, `i64`, `p3`."""
    vector = types.vector_of(type)
    if vector:
        return f"v{vector[0]}{intrinsic_suffix(vector[1])}"
    space = types.address_space(type)
    if space is not None:
        return f"p{space}"
    return {"half": "f16", "bfloat": "bf16", "float": "f32", "double": "f64"}.get(type, type)
