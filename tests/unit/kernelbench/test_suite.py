"""The suite is whole, its sizes fit its problems, and each problem runs and can be checked."""

from __future__ import annotations

import math
from collections import Counter

import pytest

torch = pytest.importorskip("torch")

from pharos.core.errors import UserError  # noqa: E402
from pharos.kernelbench.lively import enliven  # noqa: E402
from pharos.kernelbench.suite import load, problems  # noqa: E402
from pharos.kernelbench.suite.catalogue import LEVELS, definitions  # noqa: E402
from pharos.kernelbench.suite.sizes import size_table  # noqa: E402

pytestmark = pytest.mark.reference
KEYS = [spec.key for spec in problems()]
NETWORKS = [
    "MLP",
    "LeNet5",
    "AlexNet",
    "VGG16",
    "ResNet18",
    "ResNet101",
    "DenseNet121",
    "SqueezeNet",
    "MobileNetV2",
    "EfficientNetB0",
    "ShuffleNet",
    "GoogleNetInceptionV1",
    "RegNet",
    "VisionTransformer",
    "SwinMLP",
    "UNetSoftmax",
    "NetVladWithGhostClusters",
    "VanillaRNN",
    "LSTM",
    "GRUBidirectional",
    "MinGPTCausalAttention",
    "MiniGPTBlock",
    "ReLUSelfAttention",
    "Mamba2ReturnY",
]
# What a small machine has to hold; the largest are the weights of AlexNet.
MOST_INPUT_BYTES = 80 << 20


@pytest.fixture(autouse=True)
def one_thread():
    """Tensors are tiny: a second thread would only wait."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def made(key, seed=0):
    problem = load(key, tiny=True)
    torch.manual_seed(seed)
    return problem, problem.make().eval(), problem.get_inputs()


def run(model, inputs):
    with torch.no_grad():
        return model(*inputs)


def same(one, other):
    return one is other or (torch.equal(one, other) if torch.is_tensor(one) else one == other)


def test_levels_1_and_2_are_whole():
    for level in (1, 2):
        assert [s.number for s in problems() if s.level == level] == list(range(1, 101))


def test_level_3_has_the_networks():
    assert set(NETWORKS) <= {spec.name for spec in problems() if spec.level == 3}


def test_keys_and_names_are_unique():
    assert len(set(KEYS)) == len(KEYS)
    twice = {n for n, count in Counter((s.level, s.name) for s in problems()).items() if count > 1}
    # Two public problems each, which differ by their sizes: 50 and 63, 33 and 39.
    assert twice == {
        (1, "conv_standard_2D__square_input__square_kernel"),
        (2, "Gemm_Scale_BatchNorm"),
    }


@pytest.mark.parametrize("level", LEVELS)
def test_sizes_are_those_that_the_problems_use(level):
    table = size_table(level)
    assert table.keys() == definitions(level).keys()
    for number, made_of in definitions(level).items():
        usual, small = table[number]
        assert usual.keys() == made_of.sizes_needed(), number
        assert small and small.keys() <= usual.keys(), number


def test_inputs_fit_a_small_machine():
    for spec in problems():
        sizes = load(spec.key).sizes
        inputs = definitions(spec.level)[spec.number].inputs
        total = sum(4 * math.prod(one.dimensions(sizes)) for one in inputs)
        assert total < MOST_INPUT_BYTES, spec.key


@pytest.mark.parametrize("key", KEYS)
def test_a_problem_runs_and_its_check_depends_on_its_inputs(key):
    problem, model, inputs = made(key)
    assert torch.isfinite(run(model, inputs)).all()
    enliven(model, inputs)
    one, other = (run(model, problem.get_check_inputs()).double() for _ in range(2))
    assert one.shape == other.shape
    scale = one.square().mean().sqrt()
    if problem.constant:
        assert torch.allclose(one, other, atol=1e-6)
    else:
        # Some results are mostly zeros: those of a convolution both transposed and dilated.
        assert ((one - other).abs() > 1e-3 * scale).double().mean() > 0.02


@pytest.mark.parametrize("key", [key for key in KEYS if not key.startswith("level3")])
def test_a_seed_decides_all_numbers(key):
    _, model, inputs = made(key, seed=3)
    _, again, same_inputs = made(key, seed=3)
    assert all(map(same, inputs, same_inputs))
    weights, others = model.state_dict(), again.state_dict()
    assert all(same(weights[name], others[name]) for name in weights)
    _, _, other_inputs = made(key, seed=4)
    assert not all(map(same, inputs, other_inputs))


def test_sizes_can_be_changed():
    problem = load("level1/2", sizes={"M": 3, "K": 4, "N": 5})
    left, right = problem.get_inputs()
    assert (left.shape, right.shape) == ((3, 4), (4, 5))


@pytest.mark.parametrize(
    ("key", "sizes", "message"),
    [
        ("level1/101", None, "there is no problem 'level1/101'"),
        ("level3/99", None, "public"),
        ("level1/2", {"L": 3}, "its sizes are K, M, N"),
    ],
)
def test_mistakes_are_named(key, sizes, message):
    with pytest.raises(UserError, match=message):
        load(key, sizes=sizes)
