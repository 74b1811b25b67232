"""Kernels of one instruction, run in every thread of a block with operands from arrays."""

import functools
import re
from dataclasses import dataclass

import numpy as np

from pharos.simt import Checks, Simulator
from pharos.simt.types import fields_of
from pharos.targets.nvidia.meanings.table import TABLE

DTYPES = {"i1": np.uint8, "i8": np.int8, "i16": np.int16, "i32": np.int32, "i64": np.int64}
DTYPES |= {"float": np.float32, "half": np.float16, "<2 x half>": np.uint32, "ptr": np.uint64}


@functools.cache
def built(text, entry="k", checked=True):
    """The kernel of this text; not optimised, since most run for microseconds."""
    checks = Checks() if checked else Checks.none()
    return Simulator(text, entry, meanings=TABLE, checks=checks, optimize=0)


@dataclass
class Instruction:
    """``text`` calls something with operands `%a0`, `%a1`, ...; ``operands`` are their types.

    ``before`` are lines of IR between the operands and it, ``globals`` lines outside of the kernel.
    """

    text: str
    operands: tuple[str, ...] = ()
    before: str = ""
    globals: str = ""

    @property
    def results(self):
        type = re.match(r"call (void|\{.*?\}|<.*?>|\S+) ", self.text)[1]
        return [] if type == "void" else fields_of(type) if type[0] == "{" else [type]

    def module(self):
        """A kernel of LLVM IR: thread t reads element t of each operand's array."""
        given = [*(f"ptr %in{i}" for i in range(len(self.operands)))]
        out = [f"ptr %out{i}" for i in range(len(self.results))]
        lines = [f"define void @one({', '.join(given + out)}) {{",
                 "  %tid = call i32 @llvm.nvvm.read.ptx.sreg.tid.x()"]  # fmt: skip
        for index, type in enumerate(self.operands):
            memory = "i8" if type == "i1" else type
            lines.append(f"  %p{index} = getelementptr {memory}, ptr %in{index}, i32 %tid")
            lines.append(f"  %m{index} = load {memory}, ptr %p{index}")
            cast = "trunc i8" if type == "i1" else f"bitcast {memory}"
            lines.append(f"  %a{index} = {cast} %m{index} to {type}")
        return "\n".join([self.globals, *lines, self.before, *self._stored(), "  ret void", "}"])

    def _stored(self):
        results = self.results
        if not results:
            return ["  " + self.text]
        lines = [f"  %r = {self.text}"]
        for index, type in enumerate(results):
            value = "%r"
            if len(results) > 1:
                value = f"%r{index}"
                whole = "{ " + ", ".join(results) + " }"
                lines.append(f"  {value} = extractvalue {whole} %r, {index}")
            memory = "i8" if type == "i1" else type
            cast = "zext i1" if type == "i1" else f"bitcast {type}"
            lines.append(f"  %s{index} = {cast} {value} to {memory}")
            lines.append(f"  %o{index} = getelementptr {memory}, ptr %out{index}, i32 %tid")
            lines.append(f"  store {memory} %s{index}, ptr %o{index}")
        return lines

    def __call__(self, *inputs, threads=32, **options):
        """The results as arrays (one alone, several as a list), an element for each thread."""
        arrays = [np.ascontiguousarray(np.broadcast_to(np.asarray(given), (threads,)), DTYPES[type])
                  for given, type in zip(inputs, self.operands, strict=True)]  # fmt: skip
        results = [np.full(threads, 77, DTYPES[type]) for type in self.results]
        built(self.module(), "one").run((1,), (threads,), [*arrays, *results], **options)
        return results[0] if len(results) == 1 else results


def together(calls, operands):
    """Many instructions of one result type in one kernel, which costs as much as one alone.

    ``calls`` by name; gives a function of arrays whose result is the arrays by name.
    """
    names = list(calls)
    type = re.match(r"call (\S+) ", calls[names[0]])[1]
    lines = [f"  %x{i} = {calls[name]}" for i, name in enumerate(names[:-1])]
    memory = "i8" if type == "i1" else type
    cast = "zext i1" if type == "i1" else f"bitcast {type}"
    for i in range(len(names) - 1):
        lines += [
            f"  %c{i} = {cast} %x{i} to {memory}",
            f"  %n{i} = add i32 %tid, {32 * (i + 1)}",
            f"  %q{i} = getelementptr {memory}, ptr %out0, i32 %n{i}",
            f"  store {memory} %c{i}, ptr %q{i}",
        ]
    last = Instruction(calls[names[-1]], operands, "\n".join(lines))

    def run(*inputs):
        arrays = [np.ascontiguousarray(np.broadcast_to(np.asarray(given), (32,)), DTYPES[kind])
                  for given, kind in zip(inputs, operands, strict=True)]  # fmt: skip
        found = np.full((len(names), 32), 77, DTYPES[type])
        built(last.module(), "one").run((1,), (32,), [*arrays, found])
        return dict(zip([names[-1], *names[:-1]], found, strict=True))

    return run
