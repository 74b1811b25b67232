"""Level 2: an operator that computes (a product, a convolution) and what follows it, in steps."""

from pharos.kernelbench.suite.definition import merged
from pharos.kernelbench.suite.level2 import (
    convolutions2d,
    convolutions3d,
    products,
    transposed2d,
    transposed3d,
)

DEFINITIONS = merged(
    products.PROBLEMS,
    convolutions2d.PROBLEMS,
    convolutions3d.PROBLEMS,
    transposed2d.PROBLEMS,
    transposed3d.PROBLEMS,
)

__all__ = ["DEFINITIONS"]
