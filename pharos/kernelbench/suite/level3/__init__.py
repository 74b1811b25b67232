"""Level 3: whole networks, and the blocks they are made of."""

from pharos.kernelbench.suite.definition import merged
from pharos.kernelbench.suite.level3 import (
    densenet,
    efficientnet,
    gpt,
    inception,
    mamba,
    mobilenet,
    netvlad,
    plain,
    recurrent,
    resnet,
    shufflenet,
    squeezenet,
    swin,
    transformers,
    unet,
)

DEFINITIONS = merged(
    plain.PROBLEMS,
    inception.PROBLEMS,
    resnet.PROBLEMS,
    densenet.PROBLEMS,
    squeezenet.PROBLEMS,
    mobilenet.PROBLEMS,
    efficientnet.PROBLEMS,
    shufflenet.PROBLEMS,
    transformers.PROBLEMS,
    swin.PROBLEMS,
    recurrent.PROBLEMS,
    gpt.PROBLEMS,
    unet.PROBLEMS,
    netvlad.PROBLEMS,
    mamba.PROBLEMS,
)

__all__ = ["DEFINITIONS"]
