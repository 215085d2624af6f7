"""The entropy score: the moments of real random networks, and what it is to rank."""

import math
import time

import numpy as np
import pytest

from search import EvaluatorError, ProxyEvaluator, SearchSettings, entropy_score, search_detectors
from search.evaluators.entropy import LOG_GAINS, log_gain
from searchspaces import SPACES, ModuleSpec, TensorSpec, make_space

torch = pytest.importorskip("torch")


def conv(
    taken: int, given: int, kernel: int, groups: int = 1, stride: int = 1
) -> "torch.nn.Module":
    """Make a convolution of standard normal weights."""
    layer = torch.nn.Conv2d(
        taken,
        given,
        kernel,
        stride,
        kernel // 2,
        groups=groups,
        bias=False,
        padding_mode="circular",
    )
    torch.nn.init.normal_(layer.weight, generator=torch.Generator().manual_seed(0))
    return layer.double()


def spec(kind: str, given: int, side: int, **params: int | str) -> ModuleSpec:
    taken = TensorSpec((1, int(params["in_channels"]), side, side))
    return ModuleSpec.of(kind, [taken], out_channels=given, **params)


def moment(x: "torch.Tensor") -> float:
    return math.log(float(x.detach().square().mean()))


@pytest.mark.parametrize(
    ("module", "layers"),
    [
        (
            spec("basic_block", 64, 16, in_channels=64, stride=1, dilation=1, norm="bn"),
            [conv(64, 64, 3), "relu", conv(64, 64, 3), "relu"],
        ),
        (
            spec(
                "bottleneck", 256, 16, in_channels=128, mid_channels=64, stride=1, dilation=1,
                groups=4, norm="bn",
            ),
            [conv(128, 64, 1), "relu", conv(64, 64, 3, 4), "relu", conv(64, 256, 1), "relu"],
        ),
        (
            spec(
                "inverted_residual", 64, 16, in_channels=48, hidden_channels=288, stride=1,
                dilation=1, norm="bn",
            ),
            [conv(48, 288, 1), "relu", conv(288, 288, 3, groups=288), "relu", conv(288, 64, 1)],
        ),
    ],
)  # fmt: skip
def test_gains_are_those_of_random_networks(module: ModuleSpec, layers: list[object]) -> None:
    x = torch.randn(8, module.inputs[0].shape[1], 16, 16, dtype=torch.float64,
                    generator=torch.Generator().manual_seed(1))  # fmt: skip
    before = moment(x)
    for layer in layers:
        x = torch.relu(x) if layer == "relu" else layer(x)  # type: ignore[operator]
    assert moment(x) - before == pytest.approx(log_gain(module), abs=0.25)


def test_a_shuffle_block_hands_one_half_on() -> None:
    block = spec(
        "shuffle_block", 128, 16, in_channels=128, mid_channels=64, kernel=5, stride=1,
        op="conv", shuffle="even_odd", norm="bn",
    )  # fmt: skip
    x = torch.randn(
        8, 128, 16, 16, dtype=torch.float64, generator=torch.Generator().manual_seed(1)
    )
    kept, used = x[:, :64], x[:, 64:]
    used = torch.relu(conv(64, 64, 1)(used))
    used = torch.relu(conv(64, 64, 1)(conv(64, 64, 5, groups=64)(used)))
    gain = moment(torch.cat((kept, used), dim=1)) - moment(x)
    assert gain == pytest.approx(log_gain(block), abs=0.25)


def test_every_backbone_has_a_score_in_about_a_millisecond() -> None:
    for name in SPACES:
        space, rng = make_space(name), np.random.default_rng(0)
        archs = [space.sample(rng) for _ in range(30)]
        proxy = ProxyEvaluator(space)
        proxy.evaluate(archs[0])
        begin = time.process_time()
        scores = [proxy.evaluate(arch)["entropy"] for arch in archs]
        assert time.process_time() - begin < 0.3, name
        assert np.isfinite(scores).all(), name
        assert scores == [proxy.evaluate(arch)["entropy"] for arch in archs]
        if not name.endswith("-operations"):
            assert len(set(scores)) > 1, name


def test_more_of_everything_scores_more() -> None:
    modular = make_space("smnas-modular")

    def score(code: str, **options: object) -> float:
        space = make_space("smnas-modular", **options)
        return ProxyEvaluator(space).evaluate(space.decode(code))["entropy"]

    own = score("basicblock_64_1-21-21-12@256")
    assert score("basicblock_64_1-21-211-12@256") > own  # deeper
    assert score("basicblock_72_1-21-21-12@256") > own  # wider
    assert score("basicblock_64_1-21-21-12@256", input_hw=(800, 1088)) > own  # larger
    assert modular.size > 0


def test_dilations_are_not_seen() -> None:
    space = make_space("crnas-resnet18-operations")
    proxy, rng = ProxyEvaluator(space), np.random.default_rng(0)
    assert len({proxy.evaluate(space.sample(rng))["entropy"] for _ in range(20)}) == 1


def test_what_is_no_backbone_is_refused() -> None:
    with pytest.raises(EvaluatorError, match="no map leaves the backbone"):
        entropy_score([])
    strange = ModuleSpec.of("fpn", [TensorSpec((1, 8, 8, 8))])
    with pytest.raises(EvaluatorError, match=r"'fpn' have no entropy here; known: stem_conv, "):
        log_gain(strange)
    assert "shuffle_block" in LOG_GAINS


def test_a_search_by_score_alone(predictor, tmp_path) -> None:  # type: ignore[no-untyped-def]
    settings = SearchSettings(evaluator="proxy", strategy="nsga2", evals=30, budget_ms=200.0)
    result = search_detectors(predictor, settings, tmp_path / "run")
    assert [goal.name for goal in result.objectives] == ["latency_ms", "entropy"]
    assert result.complete
    assert not result.failures
    with pytest.raises(EvaluatorError, match="the proxy evaluator reads no images"):
        search_detectors(predictor, settings, tmp_path / "other", data_dir="shapes")
