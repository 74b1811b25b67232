"""``python launch.pyz FOLDER ...``: built programs on a machine with a driver and numpy alone."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from pharos.core.errors import PharosError, UserError, render


def main(arguments: Sequence[str] | None = None) -> int:
    """Parse, launch; the exit status: 0 done, 1 the user's mistake, 70 a bug of ours."""
    options = _parser().parse_args(arguments)
    try:
        from pharos.tools.launching.launch import Wanted, launch

        measured = (options.warmup, options.runs) if options.benchmark else None
        launch(
            Wanted(
                options.folder,
                options.input,
                options.entry,
                options.seed,
                measured,
                options.print,
                options.json,
                options.device,
                options.target,
            )
        )
    except UserError as error:
        print(render(error), file=sys.stderr)
        return 1
    except PharosError as error:
        print(error, file=sys.stderr)
        return 70
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("launch", description="Run what pharos build made.")
    parser.add_argument("folder", type=Path, help="the folder that pharos build -o made")
    parser.add_argument("--input", metavar="ITEM,...", help="arguments: 8x8xf32xrnd, @FILE.npy")
    parser.add_argument("--entry", metavar="NAME", help="the function; default: main")
    parser.add_argument("--seed", type=int, default=0, help="decides everything random")
    parser.add_argument("--benchmark", action="store_true", help="time it on the device's clock")
    parser.add_argument("--runs", type=int, default=20, help="timed runs")
    parser.add_argument("--warmup", type=int, default=3, help="runs before them")
    parser.add_argument("--print", type=int, default=10, help="elements of an array to print")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--device", type=int, default=0, help="which of several devices")
    parser.add_argument("--target", help="refuse folders that were built for another target")
    return parser
