"""pharos tune: find better parameters than the cost model's by measuring."""

from __future__ import annotations

from typing import Annotated

import typer

from pharos.tools import options

Seconds = Annotated[
    float, typer.Option(min=1, help="How long to measure; what was not tried waits for a next run.")
]
Count = Annotated[
    int, typer.Option(min=2, max=64, help="Candidates of each motif, the cost model's among them.")
]
Entry = Annotated[str | None, typer.Option(metavar="NAME", help="The function to tune.")]
Inputs = Annotated[
    str | None,
    typer.Option("--input", metavar="ITEM,...", help="Its arguments, as for run; else random."),
]


def tune(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="A .mlir, .lisp or .py file, or level1/3.")
    ],
    entry: Entry = None,
    target: options.Target = "cpu",
    inputs: Inputs = None,
    seed: options.Seed = 0,
    seconds: Seconds = 60.0,
    candidates: Count = 12,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List the candidates, measure nothing.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Measure what was measured before, too.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Find better parameters than the cost model's by measuring.

    Every choice that has candidates (blocks of products and convolutions, tiles of attentions) is
    compiled with the best of them by the cost model, each in a process of its own. Results are
    compared with PyTorch's, with those of plain loops, or where these take too long, with those of
    the cost model's choice; then the candidate is timed in turns with that choice. The best ones
    meet in a last round. What wins by more than the noise is recorded, and run, build, plan and
    all others take it for the same work on this machine from then on.

    Everything measured is kept: after Ctrl-C, or when the time is over, the next call goes on.

    \b
    Examples:
      pharos tune matmul.mlir --seconds 30
      pharos tune model.py --candidates 20
      pharos tune level1/3
      pharos tune layer.lisp --entry layer --dry-run
    """
    from pharos.tools.tuning import running, show

    wanted = running.Wanted(file, entry, inputs, seed, target, seconds, candidates, again)
    if dry_run:
        show.candidates(running.listed(wanted), as_json=as_json)
    else:
        show.verdicts(running.search(wanted, show.progress), as_json=as_json)
