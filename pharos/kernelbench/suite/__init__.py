"""A KernelBench of our own: the public problems by number and name, at sizes for a small CPU.

Levels 1 and 2 are whole. The models are written anew, as tables and chains of small steps; the
operators, their order and the shapes of parameters are those of the public problems.
"""

from pharos.kernelbench.suite.catalogue import Problem, Spec, load, problems

__all__ = ["Problem", "Spec", "load", "problems"]
