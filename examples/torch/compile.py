"""torch.compile with Pharos as its backend: inference, training, another batch size."""

import torch
from torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(30, 50), nn.LayerNorm(50), nn.GELU(), nn.Linear(50, 3))
compiled = torch.compile(model, backend="pharos", dynamic=True)

with torch.no_grad():
    for batch in (8, 20):
        x = torch.randn(batch, 30)
        torch.testing.assert_close(compiled(x), model(x))
        print(f"batch of {batch}: as eager")

optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
x, wanted = torch.randn(64, 30), torch.randn(64, 3)
losses = []
for _ in range(20):
    loss = (compiled(x) - wanted).square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
print("trained: the loss fell" if losses[-1] < 0.8 * losses[0] else f"losses: {losses}")
