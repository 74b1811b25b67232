"""A Hugging Face GPT-2 folder made into llm.c's files.

What must agree is checked from names, shapes and types alone, before anything is written; the
data then goes through one layer of one parameter at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pharos.core.errors import Note, UserError, nearest
from pharos.ingress.checkpoints import beside, huggingface
from pharos.ingress.checkpoints.files import write_text
from pharos.ingress.checkpoints.gpt2 import DTYPES, Config, stream_checkpoint
from pharos.ingress.checkpoints.tokenizer import write_tokenizer
from pharos.ingress.checkpoints.weights import FLOATS, Tensor, open_tensors

# llm.c's parameter, Hugging Face's name of it, and whether it is a Conv1D weight, (in, out).
_TOP = {
    "wte": "wte.weight",
    "wpe": "wpe.weight",
    "lnfw": "ln_f.weight",
    "lnfb": "ln_f.bias",
}
_LAYER = {
    "ln1w": "ln_1.weight",
    "ln1b": "ln_1.bias",
    "qkvw": "attn.c_attn.weight",
    "qkvb": "attn.c_attn.bias",
    "attprojw": "attn.c_proj.weight",
    "attprojb": "attn.c_proj.bias",
    "ln2w": "ln_2.weight",
    "ln2b": "ln_2.bias",
    "fcw": "mlp.c_fc.weight",
    "fcb": "mlp.c_fc.bias",
    "fcprojw": "mlp.c_proj.weight",
    "fcprojb": "mlp.c_proj.bias",
}
_TRANSPOSED = ("qkvw", "attprojw", "fcw", "fcprojw")
_HEAD = "lm_head.weight"
_PREFIX = "transformer."
# Constants that older versions of transformers saved with the weights: the causal mask.
_BUFFERS = (".attn.bias", ".attn.masked_bias")


@dataclass(frozen=True)
class Converted:
    """What ``convert`` wrote.

    ``tokenizer`` is None for a folder without one. ``encoder`` is a tokenizer.json, written only
    when the tokenizer file's order does not tell the merges, and encoding text needs it.
    """

    model: Path
    tokenizer: Path | None
    encoder: Path | None = None


def convert(folder: str | Path, out: str | Path, dtype: str = "f32") -> Converted:
    """Write OUT/model.bin, and OUT/tokenizer.bin where there is a tokenizer, from ``folder``.

    ``folder`` holds config.json, model.safetensors (or its shards and their index) of float32,
    float16 or bfloat16, and maybe tokenizer.json, or vocab.json and merges.txt. ``dtype`` is
    "f32" or "bf16" (rounded to nearest even). The vocabulary is padded to a multiple of 128 with
    zero rows. Raises ``UserError`` for every model that llm.c's format cannot say.
    """
    folder, out = Path(folder), Path(out)
    if dtype not in DTYPES:
        raise UserError(
            f"dtype: expected one of {', '.join(DTYPES)}, found {dtype!r}",
            hint=nearest(dtype, DTYPES),
        )
    config = huggingface.read_config(folder / "config.json", dtype)
    tensors = _without_prefix(open_tensors(folder))
    _check_tensors(folder, tensors, config)
    text = _Text.of(folder, config)
    _check_leftovers(out, folder, text)

    def piece(name: str, layer: int) -> np.ndarray:
        values = tensors[_name(name, layer)].read()
        return values.T if name in _TRANSPOSED else values

    model = out / "model.bin"
    stream_checkpoint(model, config, piece)
    if text is None:
        return Converted(model, None)
    return text.write(model)


def _name(parameter: str, layer: int) -> str:
    top = _TOP.get(parameter)
    return top if top is not None else f"h.{layer}.{_LAYER[parameter]}"


def _expected(config: Config) -> dict[str, tuple[int, ...]]:
    """Hugging Face's name and shape of every tensor that ``config`` needs."""
    shapes = dict(config.shapes)
    shapes["wte"] = (config.vocabulary, config.channels)
    found = {_TOP[name]: shapes[name] for name in _TOP}
    for layer in range(config.layers):
        for name in _LAYER:
            shape = shapes[name][1:]
            found[_name(name, layer)] = shape[::-1] if name in _TRANSPOSED else shape
    return found


def _without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        short = name.removeprefix(_PREFIX)
        if short.endswith(_BUFFERS):
            continue
        if short in found:
            raise UserError(
                f"{tensor.path}: expected each tensor once, found {short} with and without "
                f"'{_PREFIX}' before it"
            )
        found[short] = tensor
    return found


def _check_tensors(folder: Path, tensors: dict[str, Tensor], config: Config) -> None:
    expected = _expected(config)
    notes = [
        Note(f"{name}: missing, expected shape {shape}")
        for name, shape in expected.items()
        if name not in tensors
    ]
    for name, tensor in tensors.items():
        if name not in expected and name != _HEAD:
            notes.append(Note(f"{name}: unknown; GPT-2 has no such tensor"))
        elif name in expected and tensor.shape != expected[name]:
            notes.append(Note(f"{name}: expected shape {expected[name]}, found {tensor.shape}"))
        if tensor.dtype not in FLOATS:
            notes.append(Note(f"{name}: expected {', '.join(FLOATS)}, found {tensor.dtype}"))
    if notes:
        raise UserError(
            f"{folder}: {len(notes)} tensors do not fit config.json "
            f"({config.layers} layers, {config.channels} channels)",
            notes=notes,
        )
    if _HEAD in tensors:
        _check_tied(tensors[_HEAD], tensors[_TOP["wte"]])


def _check_tied(head: Tensor, wte: Tensor) -> None:
    same = head.shape == wte.shape and all(
        np.array_equal(a, b) for a, b in zip(head.rows(), wte.rows(), strict=True)
    )
    if not same:
        raise UserError(
            f"{head.path}: {_HEAD}: expected the values of wte.weight, found others",
            hint="llm.c's format has one matrix for both; an untied head has no place in it",
        )


@dataclass(frozen=True)
class _Text:
    """The folder's tokenizer, ready to be written."""

    tokens: list[bytes]
    end: int
    encoder: str | None  # a tokenizer.json's text, where the tokens alone do not tell the merges

    @staticmethod
    def of(folder: Path, config: Config) -> _Text | None:
        found = beside.find(folder)
        if found is None:
            return None
        library, source = found
        tokens = beside.tokens_of(library)
        if len(tokens) > config.vocabulary:
            raise UserError(
                f"{source}: expected at most {config.vocabulary} tokens, config.json's "
                f"vocab_size, found {len(tokens)}"
            )
        end = huggingface.end_token(folder / "config.json", source, tokens)
        told = beside.tells_merges(library, tokens, end)
        return _Text(tokens, end, None if told else library.to_str(pretty=True))

    def write(self, model: Path) -> Converted:
        path = model.with_name("tokenizer.bin")
        write_tokenizer(path, self.tokens, self.end)
        if self.encoder is None:
            return Converted(model, path)
        encoder = model.with_name("tokenizer.json")
        write_text(encoder, self.encoder)
        return Converted(model, path, encoder)


def _check_leftovers(out: Path, folder: Path, text: _Text | None) -> None:
    """Refuse to leave another model's tokenizer beside the new checkpoint."""
    ours = {"tokenizer.bin"} if text is not None else set()
    if text is not None and text.encoder is not None:
        ours.add("tokenizer.json")
    names = ["tokenizer.bin"]
    if out.resolve() != folder.resolve():
        names += ["tokenizer.json", "vocab.json"]
    for name in names:
        if name not in ours and (out / name).exists():
            raise UserError(
                f"{out / name}: this file would stay beside the new checkpoint, "
                f"and {folder} has none to replace it",
                hint="convert into an empty folder, or remove the file",
            )
