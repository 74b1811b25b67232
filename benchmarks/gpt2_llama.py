"""llama.cpp as a child process of the GPT-2 benchmarks: it may live in another Python.

    python benchmarks/gpt2_llama.py CHECKPOINT.bin bf16|q8_0 THREADS

Writes CHECKPOINT (llm.c's format, float32) as a GGUF with the package ``gguf``, whose own quantiser
rounds the matrices, loads it with ``llama_cpp``, and answers requests, a line of JSON each:

    {"prefill": [ids]}   ->  {"seconds": s, "logits": [of the last token]}
    {"step": id}         ->  {"seconds": s, "token": the likeliest}

It imports nothing of Pharos.
"""

from __future__ import annotations

import ctypes
import json
import sys
import tempfile
import time
from pathlib import Path

import gguf
import llama_cpp
import numpy as np

_TYPES = {
    "bf16": (gguf.GGMLQuantizationType.BF16, gguf.LlamaFileType.MOSTLY_BF16),
    "q8_0": (gguf.GGMLQuantizationType.Q8_0, gguf.LlamaFileType.MOSTLY_Q8_0),
}
_EPSILON = 1e-5
# The tensors of a layer in the order of llm.c's file, and their shapes in channels C.
_LAYER = (
    ("attn_norm.weight", (1,)), ("attn_norm.bias", (1,)),
    ("attn_qkv.weight", (3, 1)), ("attn_qkv.bias", (3,)),
    ("attn_output.weight", (1, 1)), ("attn_output.bias", (1,)),
    ("ffn_norm.weight", (1,)), ("ffn_norm.bias", (1,)),
    ("ffn_up.weight", (4, 1)), ("ffn_up.bias", (4,)),
    ("ffn_down.weight", (1, 4)), ("ffn_down.bias", (1,)),
)  # fmt: skip


def read(path: Path) -> tuple[dict[str, int], dict[str, np.ndarray]]:
    """The sizes and the tensors of a float32 checkpoint, by GGUF's names."""
    header = np.fromfile(path, np.int32, 256)
    if (header[0], header[1]) != (20240326, 3):
        raise SystemExit(f"{path}: expected a float32 checkpoint of llm.c")
    sizes = dict(zip(("P", "V", "L", "NH", "C", "Vp"), map(int, header[2:8]), strict=True))
    data, at = np.memmap(path, np.float32, offset=1024), 0

    def take(*shape: int) -> np.ndarray:
        nonlocal at
        count = int(np.prod(shape))
        at += count
        return data[at - count : at].reshape(shape)

    C, L = sizes["C"], sizes["L"]
    tensors = {"token_embd.weight": take(sizes["Vp"], C)[: sizes["V"]]}
    tensors["position_embd.weight"] = take(sizes["P"], C)
    for name, shape in _LAYER:
        stack = take(L, *(n * C for n in shape))
        tensors |= {f"blk.{layer}.{name}": stack[layer] for layer in range(L)}
    tensors |= {"output_norm.weight": take(C), "output_norm.bias": take(C)}
    return sizes, tensors


def write(checkpoint: Path, kind: str, target: Path) -> int:
    """Write ``checkpoint`` as a GGUF whose matrices are of ``kind``; the number of positions."""
    sizes, tensors = read(checkpoint)
    quantised, file_type = _TYPES[kind]
    writer = gguf.GGUFWriter(target, "gpt2")
    writer.add_context_length(sizes["P"])
    writer.add_embedding_length(sizes["C"])
    writer.add_feed_forward_length(4 * sizes["C"])
    writer.add_block_count(sizes["L"])
    writer.add_head_count(sizes["NH"])
    writer.add_layer_norm_eps(_EPSILON)
    writer.add_file_type(file_type)
    writer.add_vocab_size(sizes["V"])
    writer.add_tokenizer_model("no_vocab")
    for name, tensor in tensors.items():
        if tensor.ndim == 2 and name != "position_embd.weight":
            small = gguf.quants.quantize(np.ascontiguousarray(tensor), quantised)
            writer.add_tensor(name, small, raw_dtype=quantised)
        else:
            writer.add_tensor(name, np.array(tensor))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sizes["P"]


class Engine:
    """A model of llama.cpp with its key/value cache."""

    def __init__(self, path: Path, positions: int, threads: int) -> None:
        llama_cpp.llama_backend_init()
        quiet = llama_cpp.llama_log_callback(lambda level, text, data: None)
        llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
        self._quiet = quiet
        self.model = llama_cpp.llama_model_load_from_file(
            str(path).encode(), llama_cpp.llama_model_default_params()
        )
        if not self.model:
            raise SystemExit(f"llama.cpp does not load {path}")
        settings = llama_cpp.llama_context_default_params()
        settings.n_ctx = settings.n_batch = settings.n_ubatch = positions
        settings.n_threads = settings.n_threads_batch = threads
        self.context = llama_cpp.llama_init_from_model(self.model, settings)
        self.count = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(self.model))

    def read(self, ids: list[int]) -> np.ndarray:
        """Append ``ids``; the logits after the last."""
        tokens = (llama_cpp.llama_token * len(ids))(*ids)
        if llama_cpp.llama_decode(self.context, llama_cpp.llama_batch_get_one(tokens, len(ids))):
            raise SystemExit("llama_decode failed")
        logits = llama_cpp.llama_get_logits_ith(self.context, -1)
        return np.ctypeslib.as_array(logits, (self.count,))

    def clear(self) -> None:
        """Forget all tokens."""
        llama_cpp.llama_memory_clear(llama_cpp.llama_get_memory(self.context), True)


def main() -> None:
    checkpoint, kind, threads = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        engine = Engine(path, write(checkpoint, kind, path), threads)
        for line in sys.stdin:
            request = json.loads(line)
            if "prefill" in request:
                engine.clear()
            start = time.perf_counter()
            logits = engine.read(request.get("prefill") or [request["step"]])
            answer = {"token": int(logits.argmax()), "seconds": time.perf_counter() - start}
            if "prefill" in request:
                answer["logits"] = logits.tolist()
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
