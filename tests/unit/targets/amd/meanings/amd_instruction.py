"""Runs one instruction in every lane of a block, its operands taken from arrays."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from pharos.simt import Checks, Simulator
from pharos.targets.amd.meanings import TABLE

_BYTES = {"i1": 1, "i8": 1, "i16": 2, "i32": 4, "i64": 8, "half": 2, "bfloat": 2, "float": 4}


def size_of(type: str) -> int:
    """Bytes of a scalar or vector type in memory."""
    vector = re.fullmatch(r"<(\d+) x (\w+)>", type)
    return int(vector[1]) * _BYTES[vector[2]] if vector else _BYTES[type]


@dataclass
class Instruction:
    """``text`` calls something with operands ``%a0``, ``%a1``, ...; ``operands`` are their types.

    Several calls of the same result type, in lines of their own, give several results.
    """

    text: str
    operands: tuple[str, ...] = ()
    before: str = ""
    lanes: int = 32
    built: list = field(default_factory=list)

    @property
    def result(self) -> str:
        return re.match(r"call (<.*?>|\S+) ", self.text)[1]

    def module(self) -> str:
        """A kernel of LLVM IR: work-item t reads element t of each operand's array."""
        pointers = ", ".join(f"ptr %in{i}" for i in range(len(self.operands)))
        lines = [
            f"define amdgpu_kernel void @one({pointers + ', ' if pointers else ''}ptr %out) {{"
        ]
        lines += ["  %tid = call i32 @llvm.amdgcn.workitem.id.x()"]
        for index, type in enumerate(self.operands):
            memory = "i8" if type == "i1" else type
            lines.append(f"  %p{index} = getelementptr i8, ptr %in{index}, i32 %at{index}")
            lines.insert(-1, f"  %at{index} = mul i32 %tid, {size_of(type)}")
            lines.append(f"  %m{index} = load {memory}, ptr %p{index}, align 1")
            cast = "trunc i8" if type == "i1" else f"bitcast {memory}"
            lines.append(f"  %a{index} = {cast} %m{index} to {type}")
        calls, size = self.text.splitlines(), size_of(self.result)
        lines += [self.before, f"  %at = mul i32 %tid, {size * len(calls)}"]
        lines += ["  %o = getelementptr i8, ptr %out, i32 %at"]
        for index, call in enumerate(calls):
            lines.append(f"  %r{index} = {call}")
            lines.append(f"  %o{index} = getelementptr i8, ptr %o, i32 {index * size}")
            lines.append(f"  store {self.result} %r{index}, ptr %o{index}, align 1")
        body = "\n".join([*lines, "  ret void", "}"])
        return body + "\n" + declarations(body)

    def __call__(self, *inputs, threads=None, dtype=np.int32, shape=(), **options):
        """The results: an array of ``dtype`` with an element (of ``shape``) for each work-item."""
        threads = threads or self.lanes
        given = [np.ascontiguousarray(array) for array in inputs]
        for array, type in zip(given, self.operands, strict=True):
            assert array.nbytes == threads * size_of(type), type
        out = np.zeros((threads, *shape), dtype)
        assert out.nbytes == threads * size_of(self.result) * len(self.text.splitlines())
        if not self.built:
            made = Simulator(
                self.module(), "one", meanings=TABLE, subgroup_size=self.lanes, checks=Checks()
            )
            self.built.append(made)
        self.built[0].run((1,), (threads,), [*given, out], **options)
        return out


def declarations(body: str) -> str:
    """What is called, declared as it is called."""
    found = {}
    for match in re.finditer(r"call (<[^>]*>|\S+) (@llvm\.\S+?)\((.*)\)$", body, re.M):
        types = re.findall(
            r"(<[^>]*>|ptr addrspace\(\d+\)|[\w.]+) (?:%|-?\d|true|false|poison)", match[3]
        )
        found[match[2]] = f"declare {match[1]} {match[2]}({', '.join(types)})"
    return "\n".join(found.values())
