"""Recurrent networks. I is the width of the input, H of the state, T the length, L the layers."""
# ruff: noqa: E741 (I and O are sizes)

from __future__ import annotations

import torch
from torch import Tensor, nn

from pharos.kernelbench.suite.definition import Definition, define


class Cell(nn.Module):
    """A step of a plain recurrent network, with linear maps to the state and to the output."""

    def __init__(self, I: int, H: int, O: int) -> None:
        super().__init__()
        self.to_state = nn.Linear(I + H, H)
        self.to_output = nn.Linear(H, O)

    def step(self, x: Tensor, state: Tensor) -> Tensor:
        return torch.tanh(self.to_state(torch.cat((x, state), dim=1)))


class KeptState(Cell):
    """One step. The state is kept in a plain attribute, which every call changes."""

    def __init__(self, B: int, I: int, H: int, O: int) -> None:
        super().__init__(I, H, O)
        self.state = torch.randn((B, H))

    def forward(self, x: Tensor, initial: Tensor | None = None) -> Tensor:
        if initial is not None:
            self.state.copy_(initial)
        self.state = self.step(x, self.state.to(x.device))
        return self.to_output(self.state)


class Unrolled(Cell):
    """All T steps in a Python loop; x is (T, B, I)."""

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        outputs = []
        for position in range(x.size(0)):
            state = self.step(x[position], state)
            outputs.append(self.to_output(state))
        return torch.stack(outputs, dim=0)


class Lstm(nn.Module):
    """Torch's LSTM on (B, T, I), then a linear map of the last position's output.

    ``returns``: "output", or "hidden" or "cell" for the last state, where the map's result is
    computed and dropped.
    """

    def __init__(self, I: int, H: int, L: int, O: int, both: bool, returns: str) -> None:
        super().__init__()
        self.lstm = nn.LSTM(I, H, L, batch_first=True, bidirectional=both)
        self.head = nn.Linear(H * (1 + both), O)
        self.returns = returns

    def forward(self, x: Tensor, hidden: Tensor, cell: Tensor) -> Tensor:
        out, (hidden, cell) = self.lstm(x, (hidden, cell))
        results = {"output": self.head(out[:, -1, :]), "hidden": hidden, "cell": cell}
        return results[self.returns]


class Gru(nn.Module):
    """Torch's GRU on (T, B, I): the outputs, or the last state."""

    def __init__(self, I: int, H: int, L: int, both: bool, last: bool) -> None:
        super().__init__()
        self.gru = nn.GRU(I, H, L, bidirectional=both)
        self.last = last

    def forward(self, x: Tensor, state: Tensor) -> Tensor:
        return self.gru(x, state)[1 if self.last else 0]


def states(L: int, B: int, H: int) -> tuple[int, ...]:
    return (L, B, H)


def both_states(L: int, B: int, H: int) -> tuple[int, ...]:
    return (2 * L, B, H)


def lstm(name: str, both: bool = False, returns: str = "output", remark: str = "") -> Definition:
    shape = both_states if both else states
    return define(
        name,
        lambda I, H, L, O: Lstm(I, H, L, O, both, returns),
        "B T I",
        shape,
        shape,
        remark=remark,
    )


def gru(name: str, both: bool = False, last: bool = False) -> Definition:
    shape = both_states if both else states
    return define(name, lambda I, H, L: Gru(I, H, L, both, last), "T B I", shape)


PROBLEMS = {
    33: define(
        "VanillaRNN",
        KeptState,
        "B I",
        "B H",
        remark="A call changes the model: the next one begins with its state unless it is given.",
    ),
    34: define("VanillaRNNHidden", Unrolled, "T B I", "B H"),
    35: lstm(
        "LSTM",
        remark="The public model draws its first state at random in every call unless it is given;"
        " here it is an input.",
    ),
    36: lstm("LSTMHn", returns="hidden"),
    37: lstm("LSTMCn", returns="cell"),
    38: lstm("LSTMBidirectional", both=True),
    39: gru("GRU"),
    40: gru("GRUHidden", last=True),
    41: gru("GRUBidirectional", both=True),
    42: gru("GRUBidirectionalHidden", both=True, last=True),
}
