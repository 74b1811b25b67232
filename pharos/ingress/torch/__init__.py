"""PyTorch models as payloads. Needs torch, the extra ``pharos[torch]``."""

from pharos.ingress.torch.importer import import_model
from pharos.ingress.torch.problem import Problem, load_problem
from pharos.ingress.torch.records import Argument, Imported, Result

__all__ = ["Argument", "Imported", "Problem", "Result", "import_model", "load_problem"]
