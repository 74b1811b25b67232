"""``pharos tune`` measures candidates of parameters, ``pharos tuned`` has what it recorded."""

from pharos.tools.tuning.command import tune
from pharos.tools.tuning.tuned import tuned

__all__ = ["tune", "tuned"]
