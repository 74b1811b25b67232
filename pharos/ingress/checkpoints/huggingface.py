"""config.json of a Hugging Face GPT-2: its sizes, and whether it is the GPT-2 we know.

Source: transformers, models/gpt2/configuration_gpt2.py and modeling_gpt2.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pharos.core.errors import Note, UserError
from pharos.ingress.checkpoints.files import parse_json, read_text
from pharos.ingress.checkpoints.gpt2 import Config, padded

_SIZES = {
    "n_positions": "max_sequence",
    "vocab_size": "vocabulary",
    "n_layer": "layers",
    "n_head": "heads",
    "n_embd": "channels",
}

# What changes the mathematics: every field that may be left out, and the values under which it
# is llm.c's GPT-2. Both names of the activation mean GELU's tanh form.
_MEANING: dict[str, tuple[Any, ...]] = {
    "activation_function": ("gelu_new", "gelu_pytorch_tanh"),
    "layer_norm_epsilon": (1e-5,),
    "scale_attn_weights": (True,),
    "scale_attn_by_inverse_layer_idx": (False,),
    "add_cross_attention": (False,),
    "tie_word_embeddings": (True,),
    "quantization_config": (None,),
}


def read_config(path: Path, dtype: str) -> Config:
    """The sizes in the config.json at ``path``, for a checkpoint of ``dtype``.

    Raises ``UserError`` that names every field that is missing or says another model.
    """
    fields = parse_json(path, read_text(path))
    kind = fields.get("model_type")
    if kind != "gpt2":
        raise UserError(f"{path}: field model_type: expected 'gpt2', found {kind!r}")
    _check_meaning(path, fields)
    sizes = _sizes(path, fields)
    try:
        return Config(**sizes, padded_vocabulary=padded(sizes["vocabulary"]), dtype=dtype)
    except UserError as error:
        raise UserError(f"{path}: {error.message}") from error


def _check_meaning(path: Path, fields: dict[str, Any]) -> None:
    wrong = []
    for name, allowed in _MEANING.items():
        found = fields.get(name, allowed[0])
        # 1 == True in Python, and a config that says 1 means something else by it.
        if not any(found == one and isinstance(found, type(one)) for one in allowed):
            wrong.append((name, " or ".join(repr(one) for one in allowed), found))
    width = fields.get("n_embd")
    if fields.get("n_inner") not in (None, 4 * width if type(width) is int else None):
        wrong.append(("n_inner", "null or 4 n_embd", fields["n_inner"]))
    if wrong:
        name, expected, found = wrong[0]
        raise UserError(
            f"{path}: field {name}: expected {expected}, found {found!r}",
            notes=[Note(f"field {n}: expected {e}, found {f!r}") for n, e, f in wrong[1:]],
            hint="llm.c's format has no word for this: the model would compute something else",
        )


def _sizes(path: Path, fields: dict[str, Any]) -> dict[str, int]:
    # The first releases said n_ctx where n_positions is said now.
    fields = {"n_positions": fields.get("n_ctx"), **fields}
    absent = [name for name in _SIZES if fields.get(name) is None]
    if absent:
        raise UserError(f"{path}: missing fields: {', '.join(absent)}")
    for name in _SIZES:
        if type(fields[name]) is not int:
            raise UserError(f"{path}: field {name}: expected an integer, found {fields[name]!r}")
    return {ours: fields[name] for name, ours in _SIZES.items()}


def end_token(config: Path, source: Path, tokens: list[bytes]) -> int:
    """The id of end-of-text: the token spelled so, else the config's eos_token_id.

    (GPT2Config fills in 50256 whatever the vocabulary, so the spelling is the better witness.)
    """
    if b"<|endoftext|>" in tokens:
        return tokens.index(b"<|endoftext|>")
    found = parse_json(config, read_text(config)).get("eos_token_id")
    if type(found) is not int or not 0 <= found < len(tokens):
        raise UserError(
            f"{source}: expected a token <|endoftext|>, or config.json's eos_token_id to be "
            f"one of its {len(tokens)} tokens, found neither (eos_token_id: {found!r})"
        )
    return found
