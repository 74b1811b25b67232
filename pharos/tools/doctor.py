"""pharos doctor: what is installed, found, missing, and what to do."""

from __future__ import annotations

import sys
from dataclasses import asdict

import typer

from pharos.tools import options
from pharos.tools.console import print_json, print_table


def doctor(as_json: options.Json = False) -> None:
    """Tell what is installed, missing, and to do.

    The exit status is 1 when something that Pharos needs is missing.

    \b
    Example:
      pharos doctor
    """
    from pharos.tools.health import findings

    found = list(findings())
    missing = [finding for finding in found if finding.needed and not finding.ok]
    if as_json:
        print_json({"ok": not missing, "findings": [asdict(finding) for finding in found]})
    else:
        state = {True: "ok", False: "MISSING"}
        rows = [
            (f.name, state[f.ok] if f.needed or f.ok else "optional", f.found, f.remedy)
            for f in found
        ]
        print_table(("what", "state", "found", "what to do"), rows)
        print(f"\n{len(missing)} missing" if missing else "\nPharos has all it needs.")
    if missing:
        sys.stdout.flush()
        raise typer.Exit(1)
