"""Level 1: single operators. Each file is a table: number -> name, operator, shapes."""

from pharos.kernelbench.suite.definition import merged
from pharos.kernelbench.suite.level1 import (
    activations,
    convolutions,
    losses,
    norms,
    pooling,
    products,
    reductions,
    transposed_convolutions,
)

DEFINITIONS = merged(
    products.PROBLEMS,
    activations.PROBLEMS,
    norms.PROBLEMS,
    pooling.PROBLEMS,
    reductions.PROBLEMS,
    convolutions.PROBLEMS,
    transposed_convolutions.PROBLEMS,
    losses.PROBLEMS,
)

__all__ = ["DEFINITIONS"]
