"""pharos attention: one attention of any size and variant, compiled, checked, timed, looked at."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from pharos.tools import options
from pharos.tools.attention_stages import NAMES

Size = Annotated[int, typer.Option(min=1)]
Stage = Annotated[
    list[str] | None,
    typer.Option("--dump", metavar="STAGE", help=f"Write the module at {', '.join(NAMES)}."),
]
Stop = Annotated[
    str | None, typer.Option("--stop-at", metavar="STAGE", help="Print the module there, no more.")
]


def attention(
    batch: Size = 1,
    heads: Size = 8,
    queries: Size = 128,
    keys: Annotated[int, typer.Option(min=0, help="Default: as many as queries.")] = 0,
    depth: Size = 64,
    value_depth: Annotated[int, typer.Option(min=0, help="Default: that of keys.")] = 0,
    kv_heads: Annotated[int, typer.Option(min=0, help="Heads of keys and values.")] = 0,
    dtype: Annotated[str, typer.Option(metavar="f32|bf16|f16", help="Of the tensors.")] = "f32",
    mask: Annotated[str, typer.Option(metavar="none|additive|boolean", help="A tensor.")] = "none",
    causal: Annotated[bool, typer.Option("--causal", help="No keys after the query.")] = False,
    window: Annotated[int, typer.Option(min=0, help="With --causal: keys per query.")] = 0,
    alibi: Annotated[bool, typer.Option("--alibi", help="A slope per head.")] = False,
    empty: Annotated[str, typer.Option(metavar="nan|zero", help="Of a row without keys.")] = "nan",
    scale: Annotated[float, typer.Option(help="Default: 1 / sqrt(depth).")] = 0.0,
    target: options.Target = "cpu",
    parameter: options.Parameter = None,
    check: Annotated[bool, typer.Option("--check", help="Compare with float64.")] = False,
    benchmark: Annotated[bool, typer.Option("--benchmark", help="Time it.")] = False,
    magnitude: Annotated[float, typer.Option(help="What queries are multiplied with.")] = 1.0,
    seed: options.Seed = 0,
    dump: Stage = None,
    dump_dir: Annotated[Path, typer.Option(metavar="DIR", help="Where.")] = options.DUMPS,
    stop_at: Stop = None,
    as_json: options.Json = False,
) -> None:
    """Compile, check and time one fused attention.

    That is softmax(Q K^T * scale, masked) V as one kernel. Says whether the attention was fused,
    and with which parameters; any of them can be given.

    \b
    Examples:
      pharos attention --heads 12 --queries 1024 --causal --check --benchmark
      pharos attention --queries 1 --keys 4096 --dtype bf16 --parameter attention.key_splits=2
      pharos attention --queries 100 --target nvidia:sim --heads 1 --check --dump gpu-outlined
    """
    from pharos.ingress.payloads.attention import Attention
    from pharos.tools.attending import Attending

    kind = Attention(
        batch=batch, heads=heads, queries=queries, keys=keys, depth=depth, value_depth=value_depth,
        kv_heads=kv_heads, mask=mask, causal=causal, window=window, alibi=alibi, empty=empty,
        scale=scale, form="generic" if kv_heads not in (0, heads) else "named", dtype=dtype,
    )  # fmt: skip
    stages = options.Stages(target, parameter=parameter)
    attending = Attending(kind, stages, tuple(dump or ()), dump_dir, seed, magnitude)
    if stop_at is not None:
        attending.stop(stop_at)
        return
    found: dict[str, Any] = attending.compiled()
    if check:
        found |= attending.checked()
    if benchmark:
        found |= attending.timed()
    attending.tell(found, as_json)
