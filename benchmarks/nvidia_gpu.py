"""One command for a GPU: copies, products, softmax, layer norm, elementwise, attention, launches.

    python benchmarks/nvidia_gpu.py                       on a machine with a GPU and Pharos
    python benchmarks/nvidia_gpu.py --gpt2 gpt2.bin       with GPT-2's decoding and prompts too

    python benchmarks/nvidia_gpu.py --build DIR           here: compile, no GPU needed
    python DIR/nvidia_gpu.py --run DIR                    there: Python, numpy and the driver alone

    python benchmarks/nvidia_gpu.py --target nvidia:sim --small        the same, as a dry run

Each result is compared with numpy before anything is timed. Times are the device's own, between
events around one run, with the second cache filled with other data before; minimum and median.
Where PyTorch finds the GPU, it computes the same on the same memory in the same run. The limits are
measured in the same run too: what a copy on the device moves, and, for products, what PyTorch's
reach.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Arrays = list[np.ndarray[Any, Any]]
_FLUSHED = 256 << 20  # bytes; several times any second cache
_ROWS = 32  # rows of a result that are checked

ADD = """
func.func @main(%a: tensor<Nxbf16>, %b: tensor<Nxbf16>) -> tensor<Nxbf16> {
  %e = tensor.empty() : tensor<Nxbf16>
  %c = linalg.add ins(%a, %b : tensor<Nxbf16>, tensor<Nxbf16>)
                  outs(%e : tensor<Nxbf16>) -> tensor<Nxbf16>
  return %c : tensor<Nxbf16>
}"""


def cases(small: bool) -> list[dict[str, Any]]:
    """What is compiled: name, builder with its options or text, arguments' shapes, what it costs.

    ``limit`` is "memory" (bytes that have to be moved) or "products" (floating-point operations).
    """
    found: list[dict[str, Any]] = []
    for m, n, k in [(96, 80, 64)] if small else [(4096,) * 3, (8192,) * 3, (4095, 4097, 4093)]:
        found.append({"name": f"matmul bf16 {m}x{n}x{k}", "kind": "matmul", "limit": "products",
                      "options": {"m": m, "n": n, "k": k, "transpose_b": True, "dtype": "bf16"},
                      "shapes": [[m, k], [n, k]], "cost": 2 * m * n * k})  # fmt: skip
    rows, columns = (8, 96) if small else (16384, 8192)
    for kind, name in (("softmax", "softmax"), ("layer-norm", "layer norm")):
        found.append({"name": f"{name} bf16 {rows}x{columns}", "kind": kind, "limit": "memory",
                      "options": {"shape": (rows, columns), "dtype": "bf16"},
                      "shapes": [[rows, columns]], "cost": 4 * rows * columns})  # fmt: skip
    count = 4096 if small else 1 << 28
    found.append({"name": f"add bf16 {count}", "kind": "add", "limit": "memory",
                  "text": ADD.replace("N", str(count)), "shapes": [[count]] * 2,
                  "cost": 6 * count})  # fmt: skip
    heads, length, depth = (1, 32, 16) if small else (32, 4096, 128)
    found.append({"name": f"attention bf16 {heads}x{length}x{depth}, causal", "kind": "attention",
                  "limit": "products", "shapes": [[1, heads, length, depth]] * 3,
                  "options": {"heads": heads, "queries": length, "depth": depth, "causal": True,
                              "dtype": "bf16"},
                  "cost": 2 * heads * length * length * depth})  # fmt: skip
    found.append({"name": "launch", "kind": "launch", "limit": "",
                  "text": ADD.replace("N", "256"), "shapes": [[256]] * 2, "cost": 0})  # fmt: skip
    return found


# Compiling ------------------------------------------------------------------------------------


def build(folder: Path, target: str, small: bool, only: str = "") -> None:
    """Compile the cases (of kinds in ``only``) into ``folder``; what cannot be compiled is noted
    with the reason."""
    from pharos.core.errors import PharosError
    from pharos.toolchain import Request, mlir_payload
    from pharos.toolchain import build as compile_
    from pharos.toolchain import target as find_target
    from pharos.toolchain.front_ends import builder_payload
    from pharos.tools.launching import building

    target = find_target(target).name
    listed = []
    wanted = [c for c in cases(small) if not only or c["kind"] in only.split(",")]
    for number, case in enumerate(wanted):
        text = case.pop("text", None)
        place = folder / f"case{number}"
        try:
            options = case.pop("options", {})
            payload = mlir_payload(text) if text else builder_payload(case["kind"], **options)
            building.write(compile_(payload, Request(target=target)).artifact, place)
            case["folder"] = place.name
        except PharosError as error:
            case["skipped"] = str(error).splitlines()[0]
        listed.append(case)
        print(f"built: {case['name']}{' (skipped)' if 'skipped' in case else ''}", file=sys.stderr)
    (folder / "cases.json").write_text(json.dumps({"target": target, "cases": listed}, indent=1))
    shutil.copy(__file__, folder / Path(__file__).name)


# Checking -------------------------------------------------------------------------------------


def expected(kind: str, inputs: Arrays) -> tuple[Any, Any]:
    """What the first ``_ROWS`` rows of the result are (f64), and which part of it that is."""
    x = inputs[0][:_ROWS]
    if kind == "matmul":
        return x @ inputs[1].T, np.s_[:_ROWS]
    if kind == "softmax":
        e = np.exp(x - x.max(-1, keepdims=True))
        return e / e.sum(-1, keepdims=True), np.s_[:_ROWS]
    if kind == "layer-norm":
        middle, spread = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
        return (x - middle) / np.sqrt(spread + 1e-5), np.s_[:_ROWS]
    if kind in ("add", "launch"):
        return inputs[0][:4096] + inputs[1][:4096], np.s_[:4096]
    q, k, v = (array[0, 0] for array in inputs)
    scores = q[-_ROWS:] @ k.T / math.sqrt(q.shape[1])
    ahead = np.arange(len(k)) > np.arange(len(q))[-_ROWS:, None]
    scores[ahead] = -np.inf
    e = np.exp(scores - scores.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True) @ v, np.s_[0, 0, -_ROWS:]


def check(case: dict[str, Any], inputs: Arrays, found: np.ndarray[Any, Any]) -> float:
    """The largest error over the largest value. AssertionError for more than bf16 explains."""
    from pharos.runtime.dtypes import BF16, from_bf16

    right, where = expected(case["kind"], [a.astype(np.float64) for a in inputs])
    got = (from_bf16(found) if found.dtype == BF16 else found)[where].astype(np.float64)
    error = float(np.abs(got - right).max() / np.abs(right).max())
    assert error < 2e-2, f"{case['name']}: wrong by {error:.2g} of the largest value"
    return error


# Timing ---------------------------------------------------------------------------------------


class Bench:
    """A device, and how long things take on it."""

    def __init__(self, device: Any, small: bool) -> None:
        self.device = device
        self.runs = 2 if small else 20
        size = (1 << 16) if small else _FLUSHED
        self.flush = device.copying(device.allocate((size,), "i8"), device.allocate((size,), "i8"))
        self.torch = _torch()

    def seconds(self, work: Callable[[], Any]) -> list[float]:
        """Seconds of each run of ``work``, which gives it to the default stream."""
        stream, samples = self.device.default, []
        for run in range(self.runs + 3):
            self.flush.enqueue()
            start = stream.record()
            work()
            took = stream.record().since(start) / 1e3
            samples += [took] if run >= 3 else []
        return samples

    def torch_seconds(self, work: Callable[[], Any]) -> list[float]:
        """The same of PyTorch's current stream."""
        torch, samples = self.torch, []
        other = torch.empty(_FLUSHED, dtype=torch.int8, device="cuda")
        for run in range(self.runs + 3):
            other.zero_()
            start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            work()
            end.record()
            end.synchronize()
            samples += [start.elapsed_time(end) / 1e3] if run >= 3 else []
        return samples

    def copy_rate(self) -> float:
        """Bytes a second that a copy on the device reads and writes."""
        source, target = self.flush.buffers
        copy = self.device.copying(source, target)
        return 2 * source.nbytes / min(self.seconds(copy.enqueue))


def _torch() -> Any:
    """PyTorch where it finds a GPU, else None."""
    try:
        import torch
    except ImportError:
        return None
    return torch if torch.cuda.is_available() else None


def torch_work(torch: Any, kind: str, tensors: list[Any]) -> Callable[[], Any]:
    """What PyTorch does for a case."""
    functional = torch.nn.functional
    a = tensors[0]
    if kind == "matmul":
        return lambda: a @ tensors[1].T
    if kind == "softmax":
        return lambda: functional.softmax(a, -1)
    if kind == "layer-norm":
        return lambda: functional.layer_norm(a, a.shape[-1:])
    if kind == "attention":
        return lambda: functional.scaled_dot_product_attention(*tensors, is_causal=True)
    return lambda: a + tensors[1]


def measure(bench: Bench, folder: Path, case: dict[str, Any]) -> dict[str, Any]:
    """Check a case, and time it, beside PyTorch where that is there."""
    from pharos.runtime.dtypes import as_bf16, from_bf16
    from pharos.runtime.runner import Runner
    from pharos.tools.launching.manifest import Manifest

    place = folder / case["folder"]
    runner = Runner(bench.device, Manifest.read(place).load(place))
    (entry,) = runner.artifact.entries
    random = np.random.default_rng(1)
    raw = [as_bf16(random.standard_normal(shape, np.float32)) for shape in case["shapes"]]
    buffers = [bench.device.upload(array) for array in raw]
    with runner.bind(entry.name, *buffers) as bound:
        bound()
        (output,) = bound.outputs
        error = check(case, [from_bf16(a) for a in raw], bench.device.download(output))
        if case["kind"] == "launch":
            return {"error": error, **launches(bench, bound)}
        samples = bench.seconds(bound.enqueue)
    found = {"error": error, "min": min(samples), "median": statistics.median(samples)}
    if bench.torch is not None:
        tensors = [bench.torch.from_dlpack(buffer) for buffer in buffers]
        theirs = bench.torch_seconds(torch_work(bench.torch, case["kind"], tensors))
        found["torch_median"] = statistics.median(theirs)
        del tensors
    return found


def launches(bench: Bench, bound: Any) -> dict[str, Any]:
    """Seconds for each of many launches, one by one and in a graph, waited for at the end."""
    count = 10 if bench.runs == 2 else 1000
    kernels = 5 if bench.runs == 2 else 100

    def took(work: Callable[[], Any], times: int) -> float:
        bench.device.synchronize()
        start = time.perf_counter()
        for _ in range(times):
            work()
        bench.device.synchronize()
        return (time.perf_counter() - start) / times

    single = min(took(bound.enqueue, count) for _ in range(3))
    with bench.device.capture([bound] * kernels) as graph:
        many = min(took(graph.launch, max(1, count // 50)) for _ in range(3))
    return {"launch": single, "in_graph": many / kernels}


def gpt2(path: str, target: str, small: bool) -> dict[str, Any]:
    """Milliseconds a token in bf16, tokens a second of a prompt; needs all of Pharos."""
    from pharos.models.gpt2.device_model import DeviceGpt2

    length, count = (8, 3) if small else (64, 64)
    prompt = list(range(1, length + 1))
    model = DeviceGpt2.load(
        path, dtype="bf16", target=target, prompt=length, positions=length + count + 8
    )
    model.prefill(prompt)
    start = time.perf_counter()
    token = int(np.argmax(model.prefill(prompt)))
    read = time.perf_counter() - start
    for _ in range(4):
        token = int(np.argmax(model.step(token)))
    start = time.perf_counter()
    for _ in range(count):
        token = int(np.argmax(model.step(token)))
    decode = (time.perf_counter() - start) / count
    return {"ms_per_token": decode * 1e3, "prompt_tokens_per_second": length / read}


# Report ---------------------------------------------------------------------------------------


def run(folder: Path, small: bool, checkpoint: str | None) -> dict[str, Any]:
    """Measure everything in ``folder``, printing a line for each."""
    from pharos.tools.launching.devices import open_device

    listed = json.loads((folder / "cases.json").read_text())
    device = open_device(listed["target"])
    bench = Bench(device, small)
    rate = bench.copy_rate()
    torch = bench.torch.__version__ if bench.torch else None
    found: dict[str, Any] = {
        "device": device.driver.summary(), "target": listed["target"], "torch": torch,
        "copy_bytes_per_second": rate, "cases": {},
    }  # fmt: skip
    print(f"{found['device']}; torch {torch}; a copy moves {rate / 1e9:.1f} GB/s (read + written)")
    for case in listed["cases"]:
        result = {"skipped": case["skipped"]} if "skipped" in case else measure(bench, folder, case)
        found["cases"][case["name"]] = result
        print(f"{case['name']:38} {line(case, result, rate)}", flush=True)
    if checkpoint is not None:
        found["gpt2"] = gpt2(checkpoint, listed["target"], small)
        times = found["gpt2"]
        print(
            f"GPT-2 in bf16: {times['ms_per_token']:.3f} ms a token, prompts at "
            f"{times['prompt_tokens_per_second']:.0f} tokens a second"
        )
    return found


def line(case: dict[str, Any], found: dict[str, Any], rate: float) -> str:
    """A result for people."""
    if "skipped" in found:
        return f"skipped: {found['skipped']}"
    if "launch" in found:
        single, many = found["launch"] * 1e6, found["in_graph"] * 1e6
        return f"{single:.2f} us a launch, {many:.2f} us a kernel in a graph"
    speed = case["cost"] / found["median"]
    text = f"{found['median'] * 1e3:9.3f} ms median, {found['min'] * 1e3:9.3f} min, "
    if case["limit"] == "memory":
        text += f"{speed / 1e9:8.1f} GB/s, {speed / rate:4.0%} of a copy"
    else:
        text += f"{speed / 1e12:8.2f} TFLOP/s"
    if "torch_median" in found:
        text += f", {found['torch_median'] / found['median']:.2f} of torch's speed"
    return text


def main() -> None:
    """Parse, build, run."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--target", default="nvidia:sm_90a", help="what to compile for")
    parser.add_argument("--only", metavar="KIND,...", default="", help="matmul, softmax, ...")
    parser.add_argument("--small", action="store_true", help="sizes for a simulated device")
    parser.add_argument("--build", metavar="DIR", type=Path, help="only compile, into DIR")
    parser.add_argument("--run", metavar="DIR", type=Path, help="only run what is in DIR")
    parser.add_argument("--gpt2", metavar="FILE", help="a GPT-2 checkpoint, for its times")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the numbers there")
    options = parser.parse_args()
    if options.run is not None:
        # The launcher of any case brings the parts of Pharos that are needed.
        launchers = sorted(options.run.glob("case*/launch.pyz"))
        sys.path += [str(path) for path in launchers[:1]]
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.run or options.build or Path(temporary)
        if options.run is None:
            folder.mkdir(parents=True, exist_ok=True)
            build(folder, options.target, options.small, options.only)
        if options.build is not None:
            return
        found = run(folder, options.small, options.gpt2)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
