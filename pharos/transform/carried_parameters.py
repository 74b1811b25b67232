"""Parameters that were written on operations, put back on what became of them.

%s = linalg.generic ... {scale}               // fused: %s = linalg.generic {scale, contraction}
%r = linalg.generic ... {contraction} attrs = {pharos.params = {mr = 12}}
  ==>
%r = linalg.generic ... {scale, contraction} attrs = {pharos.params = {mr = 12}}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from pharos import ir


@dataclass(frozen=True)
class CarriedParameters:
    """Write on linalg operations the parameters that their locations carry."""

    name: ClassVar[str] = "carried-parameters"

    def run(self, module: Any, scope: Any = None) -> Any:
        """Change ``module`` in place."""
        for operation in ir.operations(module):
            # Not what is in bodies: that has the location of its operation, too.
            if operation.name.startswith("linalg.") and len(operation.regions) > 0:
                ir.restore_parameters(operation)
        return module
