"""Outputs whose size only the run decides."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from engines import EngineRunError
from tests.engines.tensorrt.conftest import Install
from tests.engines.tensorrt.fake_cuda import FakeCuda
from tests.engines.tensorrt.models import finder
from tests.engines.tensorrt.test_backend import RELEASES

OPEN = ("places", "values")
CASES = ([1, -1, 2, 0, 3, -4], [-1, -1, -1, -1, -1, 5], [0, 0, 0, 0, 0, 0], [1, 2, 3, 4, 5, 6])


def given(values: Any) -> dict[str, np.ndarray]:
    return {"x": np.array(values, np.float32)}


def check(found: Mapping[str, np.ndarray], values: Any) -> None:
    x = np.array(values, np.float32)
    np.testing.assert_array_equal(found["places"], np.stack(np.nonzero(x > 0)))
    np.testing.assert_array_equal(found["values"], x[x > 0])
    np.testing.assert_array_equal(found["minus"], -x)
    assert found["places"].dtype == np.int64


@pytest.mark.parametrize("version", RELEASES)
def test_outputs_are_as_large_as_what_is_found(install: Install, version: str) -> None:
    backend, _, cuda = install(version, data_dependent=OPEN)
    with backend.build(finder()) as engine:
        for values in CASES:
            check(engine.run(given(values)), values)
    assert cuda.memory == {}
    assert cuda.sessions == 0


def test_timers_keep_their_own(install: Install) -> None:
    backend, _, cuda = install(data_dependent=OPEN)
    with backend.build(finder()) as engine:
        timer = engine.timer(given(CASES[0]))
        check(engine.run(given(CASES[3])), CASES[3])
        assert timer(3) > 0
        check(engine.run(given(CASES[1])), CASES[1])
        assert len(engine.layer_times(runs=1)) > 0
    assert cuda.memory == {}


def test_no_memory_is_told_with_its_reason(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, _, cuda = install(data_dependent=OPEN)
    with backend.build(finder()) as engine:
        engine.run(given(CASES[1]))
        allocate = cuda.allocate

        def scarce(self: FakeCuda, size: int) -> Any:
            if size > 8:
                raise MemoryError("out of memory")
            return allocate(size)

        monkeypatch.setattr(FakeCuda, "allocate", scarce)
        with pytest.raises(EngineRunError, match="failed to run the model: out of memory"):
            engine.run(given(CASES[3]))
