"""What a built folder holds: ``manifest.json``, and whether all of it is as it was written.

manifest.json            this: target, files with their hashes, entries, launches
kernels.ptx              (.hsaco, .spirv, .ll for a simulated device) the code
weights/constant-0.bin   constant arrays of the payload
launch.pyz               the launcher: python launch.pyz FOLDER --input ...
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pharos.core.artifact import Artifact
from pharos.core.errors import UserError
from pharos.tools.launching.weights import Reference

NAME = "manifest.json"
FORMAT = 1


@dataclass(frozen=True)
class Loose(Artifact):
    """An artifact whose files are apart: ``files`` as ``archive.unpack`` gives them."""

    files: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Manifest:
    """``artifact`` is an artifact's manifest, ``files`` where its files are, by name, and
    ``arguments`` arrays for arguments, by entry and number."""

    artifact: Mapping[str, Any]
    files: Mapping[str, Reference]
    arguments: Mapping[str, Mapping[int, Reference]]

    @property
    def target(self) -> str:
        """What the code is for."""
        return str(self.artifact["target"])

    def text(self) -> str:
        """As JSON."""
        arguments = {
            entry: {str(number): one.to_data() for number, one in found.items()}
            for entry, found in self.arguments.items()
        }
        data = {
            "pharos": FORMAT,
            "artifact": self.artifact,
            "files": {name: one.to_data() for name, one in self.files.items()},
            "arguments": arguments,
        }
        return json.dumps(data, indent=1) + "\n"

    @staticmethod
    def read(folder: Path) -> Manifest:
        """The manifest in ``folder``. UserError when there is none, or none that can be read."""
        path = folder / NAME
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["pharos"] != FORMAT:
                raise UserError(
                    f"{path} has format {data['pharos']}, this launcher reads {FORMAT}",
                    hint="use the launch.pyz that is in the folder",
                )
            return Manifest(
                data["artifact"],
                {name: Reference.from_data(one) for name, one in data["files"].items()},
                {
                    entry: {int(n): Reference.from_data(one) for n, one in found.items()}
                    for entry, found in data["arguments"].items()
                },
            )
        except OSError as error:
            raise UserError(
                f"no built program in {folder}: {error.strerror}: {path.name}",
                hint="make one: pharos build FILE --target nvidia:sm_90a -o DIR",
            ) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{path} is damaged: {type(error).__name__} {error}", hint="build the folder again"
            ) from None

    def load(self, folder: Path) -> Loose:
        """The artifact. UserError for a file that is missing or not what it was."""
        files = {name: one.memory(folder) for name, one in self.files.items()}
        plain = {
            name: content if name.startswith("constant-") else bytes(content)
            for name, content in files.items()
        }
        try:
            known = Artifact.from_manifest(self.artifact, b"")
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{folder / NAME} is damaged: {type(error).__name__} {error}",
                hint="build the folder again",
            ) from None
        return Loose(**vars(known), files=plain)
