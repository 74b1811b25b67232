"""pharos gpt2 logits, info, convert: checkpoints in and out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pharos.tools import options
from pharos.tools.console import print_json, print_table

Checkpoint = Annotated[Path, typer.Option(metavar="FILE", help="In llm.c's format.")]


def logits(
    checkpoint: Checkpoint,
    ids: Annotated[str, typer.Option(metavar="ID,...", help="Token ids, one per position.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE.npy")],
    dtype: options.Dtype = None,
    target: options.Target = "cpu",
) -> None:
    """Write the logits at every position.

    The file holds a float32 array of (positions, vocabulary).

    \b
    Example:
      pharos gpt2 logits --checkpoint model.bin --ids 50256,464,717 -o logits.npy
    """
    from pharos.tools.checkpoints import write_logits

    shape = write_logits(checkpoint, ids, output, dtype, target)
    print(f"{output}: float32 {shape}")


def info(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="In llm.c's format.")],
    as_json: options.Json = False,
) -> None:
    """Print a checkpoint's header and sizes.

    \b
    Example:
      pharos gpt2 info model.bin
    """
    from pharos.tools.checkpoints import described

    found = described(file)
    if as_json:
        print_json(found)
        return
    print(file)
    print_table(("  field", ">value"), [(f"  {k}", str(v)) for k, v in found.items()])


def convert(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A Hugging Face model.")],
    output: Annotated[Path, typer.Option("-o", "--output", metavar="OUT", help="A folder.")],
    dtype: Annotated[str, typer.Option(metavar="f32|bf16", help="Of the weights.")] = "f32",
    as_json: options.Json = False,
) -> None:
    """Convert a Hugging Face folder.

    Writes OUT/model.bin, and OUT/tokenizer.bin where DIR has a tokenizer.

    \b
    Example:
      pharos gpt2 convert ./gpt2 -o ./gpt2-llmc --dtype bf16
    """
    from dataclasses import asdict

    from pharos.ingress.checkpoints import convert

    written = asdict(convert(folder, output, dtype))
    if as_json:
        print_json(written)
        return
    for path in filter(None, written.values()):
        print(f"wrote {path}")
