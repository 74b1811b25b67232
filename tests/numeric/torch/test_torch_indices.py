"""Indices outside of their tensor end the call with an error, and the process goes on."""

import pytest

torch = pytest.importorskip("torch")
nn = torch.nn

from pharos.core.errors import UserError  # noqa: E402


class Gather(nn.Module):
    def forward(self, x, index):
        return torch.gather(x, 1, index) * 2


class Chosen(nn.Module):
    def forward(self, x, rows):
        return torch.index_select(x, 0, rows).sum(1)


class Rows(nn.Module):
    def forward(self, x, rows):
        return x[rows][:, 0]


class Pairs(nn.Module):
    def forward(self, x, rows):
        return x[rows, rows.flip(0)]


CASES = {
    "embedding": (nn.Embedding(10, 37), (), (4, 3), 10),
    "rows of a table, and a product": (
        nn.Sequential(nn.Embedding(10, 37), nn.Linear(37, 5)), (), (6,), 10,
    ),
    "gather": (Gather(), (5, 7), (5, 9), 7),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_an_index_outside_ends_the_call(compiled, case):
    model, shape, places, size = CASES[case]
    data = (torch.randn(shape),) if shape else ()
    good = torch.randint(0, size, places)
    function = compiled(model, *data, good)
    with torch.no_grad():
        torch.testing.assert_close(function(*data, good), model(*data, good))
        for wrong, what in ((size, "smaller than dim size"), (-1, "larger or equal to 0")):
            bad = good.clone()
            bad.view(-1)[-1] = wrong
            with pytest.raises(UserError, match=f"assertion failed: index must be {what}"):
                function(*data, bad)
        torch.testing.assert_close(function(*data, good), model(*data, good))


@pytest.mark.parametrize(
    ("model", "least", "dynamic"),
    [(Chosen(), 0, False), (Chosen(), 0, True), (Rows(), -7, True), (Pairs(), -7, False)],
)
def test_indices_that_torch_mlir_trusts_are_checked(model, least, dynamic):
    x, good = torch.randn(7, 7), torch.randint(least, 7, (5,))
    function = torch.compile(model, backend="pharos", dynamic=dynamic, fullgraph=True)
    with torch.no_grad():
        torch.testing.assert_close(function(x, good), model(x, good))
        for wrong in (least - 1, 7):
            bad = good.clone()
            bad[3] = wrong
            with pytest.raises(UserError, match="assertion failed: an index is outside of axis"):
                function(x, bad)
        torch.testing.assert_close(function(x, good), model(x, good))
