import numpy as np
import pytest

from searchspaces.spaces.smnas.code import BackboneCode
from searchspaces.spaces.smnas.features import CODE_FEATURES, code_features


def row(text, width=256):
    values = code_features(BackboneCode.parse(text), width)
    return dict(zip(CODE_FEATURES, values.tolist(), strict=True))


def test_features_of_e3():
    features = row("bottleneck_56_211-111111111-2111111-11112111")
    assert [features[f"depth of stage {i}"] for i in (1, 2, 3, 4)] == [3, 9, 7, 8]
    assert features["depth"] == 27
    shares = [features[f"share of blocks in stage {i}"] for i in (1, 2, 3, 4)]
    assert shares == pytest.approx([3 / 27, 9 / 27, 7 / 27, 8 / 27])
    places = [features[f"place of doubling {i}"] for i in (1, 2, 3)]
    assert places == pytest.approx([0, 12 / 26, 23 / 26])
    assert [features[f"doublings by the end of stage {i}"] for i in (1, 2, 3)] == [1, 1, 2]
    assert features["log2 base channels"] == np.log2(56)
    assert features["log2 pyramid width"] == 8
    blocks = ("basicblock", "bottleneck", "Xbottleneck", "MBblock")
    assert [features[block] for block in blocks] == [0, 1, 0, 0]


def test_without_pyramid_the_width_is_zero():
    assert row("basicblock_64_1-21-21-12", 0)["log2 pyramid width"] == 0
