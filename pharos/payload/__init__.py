"""What a payload computes: ``inspect_payload(module)`` gives typed facts per function.

    module -> graph (who computed what is read) -> motifs -> facts

Everything is read from structure: indexing maps, kinds of loops, bodies, dataflow. The facts guide
choices; nothing that is computed depends on them being complete.
"""

from pharos.payload.facts import (
    Attention,
    Contraction,
    Convolution,
    Elementwise,
    Factor,
    FunctionFacts,
    Motif,
    Movement,
    NearMiss,
    Norm,
    PayloadFacts,
    Pooling,
    Reduction,
    Scan,
    Softmax,
    Step,
    ValueFact,
)
from pharos.payload.inspect import inspect_payload

__all__ = [
    "Attention",
    "Contraction",
    "Convolution",
    "Elementwise",
    "Factor",
    "FunctionFacts",
    "Motif",
    "Movement",
    "NearMiss",
    "Norm",
    "PayloadFacts",
    "Pooling",
    "Reduction",
    "Scan",
    "Softmax",
    "Step",
    "ValueFact",
    "inspect_payload",
]
