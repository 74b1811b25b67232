"""The steps that pharos run model.py and torch.compile take, one at a time."""

import torch
from torch import nn

from pharos.ingress.torch import import_model
from pharos.toolchain import Request, build, torch_payload
from pharos.toolchain.torch_function import TorchFunction

model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU()).eval()
x = torch.randn(2, 3, 20, 20)

imported = import_model(model, (x,))
for argument in imported.arguments[:2]:
    print(argument.kind, argument.name, argument.dtype, argument.shape)
print(imported.text.count("linalg.conv_2d"), "convolution")

built = build(torch_payload(imported), Request(target="cpu", pipeline="optimize"))
function = TorchFunction(imported, built.artifact)
with torch.no_grad():
    torch.testing.assert_close(function(x), model(x))

bound = function.bind(x, poison=True)  # outputs are NaN until the code has run
bound()
print("finite:", bool(bound.outputs[0].isfinite().all()))
