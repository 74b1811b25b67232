"""The launcher as one file: the modules of this package that it needs, in a zip that Python runs.

What is in it follows from the imports at the head of modules, from ``ROOTS`` on; what only compiles
is imported late everywhere, and so stays out.
"""

from __future__ import annotations

import ast
import io
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pharos

_PACKAGE = Path(pharos.__file__).parent
_EPOCH = (1980, 1, 1, 0, 0, 0)
_MAIN = b"""import sys

from pharos.tools.launching.main import main

sys.exit(main())
"""
# The launcher, what it imports late, and what simulated devices import late.
ROOTS = (
    "pharos.tools.launching.main",
    "pharos.tools.launching.launch",
    "pharos.targets.nvidia.driver",
    "pharos.targets.amd.driver",
    "pharos.targets.xegpu.driver",
    "pharos.targets.common.gpu.host.call",
    "pharos.runtime.dlpack",
    "pharos.targets.common.gpu.simulated",
    "pharos.targets.nvidia.target",
    "pharos.targets.nvidia.meanings.table",
    "pharos.targets.amd.target",
    "pharos.targets.amd.meanings",
    "pharos.targets.xegpu.target",
    "pharos.targets.xegpu.meanings",
    "pharos.simt",
)


def modules() -> dict[str, Path]:
    """The files of the launcher by the names of their modules."""
    found: dict[str, Path] = {}
    waiting = list(ROOTS)
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if name in found or path is None:
            continue
        found[name] = path
        waiting += _parents(name)
        waiting += _imported(path)
    return found


def write(path: Path) -> None:
    """Write the zip; the same modules give the same bytes."""
    path.write_bytes(_zip())


@cache
def _zip() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        entries = {"__main__.py": _MAIN}
        for file in modules().values():
            entries[_name(file)] = file.read_bytes()
        for data in _data_files():
            entries[_name(data)] = data.read_bytes()
        for name in sorted(entries):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, entries[name])
    return out.getvalue()


def _name(path: Path) -> str:
    return str(path.relative_to(_PACKAGE.parent))


def _data_files() -> list[Path]:
    """The simulator's run time is text that it reads."""
    return sorted((_PACKAGE / "simt").rglob("*.ll"))


def _path(name: str) -> Path | None:
    base = _PACKAGE.parent.joinpath(*name.split("."))
    for path in (base / "__init__.py", base.with_suffix(".py")):
        if path.is_file():
            return path
    return None


def _parents(name: str) -> list[str]:
    words = name.split(".")
    return [".".join(words[:count]) for count in range(1, len(words))]


def _imported(path: Path) -> Iterator[str]:
    """The modules of Pharos that are imported when ``path`` is."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith("pharos"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("pharos"):
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
