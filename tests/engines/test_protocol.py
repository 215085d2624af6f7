import json

import pytest

from engines import MeasurementError, TimingProtocol


def test_round_trip() -> None:
    protocol = TimingProtocol(threads=2, precision="fp16", target_rel_ci=0.1 + 0.2)
    assert TimingProtocol.from_dict(json.loads(json.dumps(protocol.to_dict()))) == protocol


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"threads": 0}, r"threads must be an int >= 1, got 0"),
        ({"threads": True}, r"threads must be an int >= 1, got True"),
        ({"threads": 1.0}, r"threads must be an int >= 1, got 1.0"),
        ({"precision": "fp8"}, r"precision must be one of fp32, fp16, int8, got 'fp8'"),
        ({"precision": ""}, r"precision must be a non-empty string"),
        ({"target_rel_ci": 0}, r"target_rel_ci must be a finite number > 0, got 0"),
        ({"max_seconds": float("inf")}, r"max_seconds must be a finite number > 0, got inf"),
        ({"min_block_ms": float("nan")}, r"min_block_ms must be a finite number > 0, got nan"),
        ({"warmup_min_ms": -1}, r"warmup_min_ms must be a finite number >= 0, got -1"),
        ({"warmup_max_ms": 1}, r"warmup_max_ms \(1\) is below warmup_min_ms \(200.0\)"),
        ({"warmup_max_slope": "x"}, r"warmup_max_slope must be a finite number > 0, got 'x'"),
        ({"warmup_window": 2}, r"warmup_window must be an int >= 3"),
        ({"min_samples": 5}, r"min_samples must be an int >= 6, got 5"),
        ({"max_samples": 19}, r"max_samples must be an int >= 20, got 19"),
        ({"cache": "hot"}, r"cache must be one of warm, chained, cold, got 'hot'"),
        ({"settle_runs": -1}, r"settle_runs must be an int >= 0, got -1"),
    ],
)
def test_refuses(change: dict[str, object], message: str) -> None:
    with pytest.raises(MeasurementError, match=message):
        TimingProtocol(**change)


def test_refuses_other_fields() -> None:
    with pytest.raises(MeasurementError, match="lacks the field threads"):
        TimingProtocol.from_dict(
            {k: v for k, v in TimingProtocol().to_dict().items() if k != "threads"}
        )
    with pytest.raises(MeasurementError, match="no field speed; known are cache, max_samples"):
        TimingProtocol.from_dict({**TimingProtocol().to_dict(), "speed": 1})
    with pytest.raises(MeasurementError, match="must be a JSON object, got list"):
        TimingProtocol.from_dict([])


def test_differences() -> None:
    protocol = TimingProtocol()
    assert protocol.differences(TimingProtocol()) == ()
    other = TimingProtocol(threads=2, precision="int8")
    assert protocol.differences(other) == (("threads", 1, 2), ("precision", "fp32", "int8"))
