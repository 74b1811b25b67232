"""pharos targets: what code can be made for, and how."""

from __future__ import annotations

from typing import Any

from pharos.tools import options
from pharos.tools.console import print_json, print_table


def targets(as_json: options.Json = False) -> None:
    """List the targets and their pipelines.

    \b
    Example:
      pharos targets --json
    """
    from pharos.tools import inventory

    found = inventory.targets()
    if as_json:
        print_json(found)
        return
    for number, target in enumerate(found):
        if number:
            print()
        _print_target(target)


def _print_target(target: dict[str, Any]) -> None:
    state = f"not available: {target['reason']}"
    if target["available"]:
        state = f"available ({target['device']})" if target["device"] else "available"
    print(f"{target['name']}: {target['description']}, {state}")
    if target["simulated"] is not None:
        chips = ", ".join(f"{target['name']}:{chip}" for chip in target["chips"])
        print(f"  simulated as {target['simulated']}; chips: {chips}")
    rows = [(f"  {name}", _text(value)) for name, value in target["summary"].items()]
    print_table(("  fact", "value"), rows)
    for pipeline in target["pipelines"]:
        mark = " (default)" if pipeline["default"] else ""
        print(f"\n  pipeline {pipeline['name']}{mark}: {pipeline['description']}")
        if pipeline["parameters"]:
            print_table(("    parameter", "values", "meaning"), _rows(pipeline["parameters"]))


def _rows(parameters: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    return [(f"    {p['name']}", p["accepts"], p["description"]) for p in parameters]


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
