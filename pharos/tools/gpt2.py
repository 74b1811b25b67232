"""pharos gpt2: generate text; the other commands are in gpt2_files.py."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pharos.tools import gpt2_files, options

gpt2 = typer.Typer(
    help="GPT-2, written in Lispier: text, logits, checkpoints.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Checkpoint = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="In llm.c's format; default: the embedded one."),
]
Tokenizer = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Default: tokenizer.bin beside the checkpoint."),
]
Prompt = Annotated[str | None, typer.Option(metavar="TEXT", help="Default: <|endoftext|>.")]
Temperature = Annotated[float, typer.Option(help="0 takes the likeliest token each time.")]
TopK = Annotated[int, typer.Option(help="Draw among this many likeliest tokens; 0 is all.")]

Weights = Annotated[
    str | None,
    typer.Option(
        "--dtype",
        "--weights",
        metavar="f32|bf16|int8",
        help="How weights are stored; default: as in the file. int8: the CPU only.",
    ),
]


@gpt2.command()
def generate(
    checkpoint: Checkpoint = None,
    tokenizer: Tokenizer = None,
    prompt: Prompt = None,
    tokens: Annotated[int, typer.Option(min=0, help="How many to generate.")] = 128,
    temperature: Temperature = 0.0,
    top_k: TopK = 0,
    seed: options.Seed = 0,
    dtype: Weights = None,
    target: options.Target = "cpu",
    as_json: options.Json = False,
) -> None:
    """Generate text.

    It is printed as it comes, then the configuration and the times. Ctrl-C stops it.

    \b
    Example:
      pharos gpt2 generate --prompt "The ship" --tokens 64 --temperature 0.8 --top-k 40
    """
    from pharos.models.gpt2.generate import Sampling
    from pharos.tools.text import Session, stream

    sampling = Sampling(temperature, top_k, seed)
    session = Session.open(checkpoint, tokenizer, prompt, tokens, dtype, target)
    if stream(session, sampling, as_json=as_json):
        raise typer.Exit(130)


for command in (gpt2_files.logits, gpt2_files.info, gpt2_files.convert):
    gpt2.command()(command)
