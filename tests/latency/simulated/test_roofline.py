"""Layers on the roofline: closed forms, and what must not pay."""

from dataclasses import replace

import pytest

from latency import make_simulated
from latency.simulated.efficiency import EFFICIENCIES
from latency.simulated.layers import Matmul, Pass
from latency.simulated.roofline import Roofline


def test_fusing_never_costs() -> None:
    eager = make_simulated("V100", "fp32", "tensorrt")
    launch = eager.device.launch_us["tensorrt"]
    device = replace(eager.device, launch_us={"pytorch": launch, "tensorrt": launch})
    fused, apart = (
        Roofline(device, engine, "fp32", EFFICIENCIES) for engine in ("tensorrt", "pytorch")
    )
    absorbed, chain = Pass(1000, 1000, absorbed=True), Pass(1000, 1000, steps=5)
    assert fused.layer_ms(absorbed) == 0.0
    assert apart.layer_ms(absorbed) > 0.0
    assert apart.layer_ms(chain) == pytest.approx(5 * fused.layer_ms(chain))


def test_a_full_wave_has_a_closed_form() -> None:
    """80 tiles of 128x128 on 80 processors: no waste, only the efficiency and the launch."""
    line = make_simulated("V100", "fp32", "tensorrt")
    roofline = Roofline(line.device, "tensorrt", "fp32", EFFICIENCIES)
    layer = Matmul(128 * 80, 128, 4096, 1, 1, 1)
    share = EFFICIENCIES["fp32"].product
    expected_ms = 2 * layer.macs / (15.7e12 * share) * 1e3 + 13.4e-3
    assert roofline.layer_ms(layer) == pytest.approx(expected_ms)
    one_more = replace(layer, rows=layer.rows + 1)  # a second wave, of smaller tiles or not
    assert roofline.layer_ms(one_more) > 1.02 * roofline.layer_ms(layer)


def test_a_pass_has_a_closed_form() -> None:
    predictor = make_simulated("V100", "fp32", "tensorrt")
    ms = Roofline(predictor.device, "tensorrt", "fp32", EFFICIENCIES).layer_ms(Pass(10**8, 10**8))
    expected = 8e8 / (900e9 * EFFICIENCIES["fp32"].bandwidth) * 1e3 + 13.4e-3
    assert ms == pytest.approx(expected)


def test_grouped_and_depthwise_convolutions_use_less_of_the_device() -> None:
    roofline = Roofline(make_simulated("V100").device, "tensorrt", "fp32", EFFICIENCIES)
    size = 256 * 100 * 100
    rates = []
    for groups in (1, 32, 256):
        width = 256 // groups
        layer = Matmul(100 * 100, width, width * 9, groups, size, size)
        rates.append(layer.macs / roofline.layer_ms(layer))
    assert rates[0] > 2 * rates[1] > 2 * rates[2]
