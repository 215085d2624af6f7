from types import SimpleNamespace

import numpy as np
import pytest

from engines import EngineBuildError, EngineUnavailableError
from engines.tensorrt.api import Api8, Api10, Api11
from engines.tensorrt.releases import api_for, load_api, release_of
from tests.engines.tensorrt.fake_cuda import FakeCuda
from tests.engines.tensorrt.fake_trt import fake_trt


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("8.6.1", Api8),
        ("8.6.1.post1", Api8),
        ("10.0.1", Api10),
        ("10.4.0", Api10),
        ("10.13.3.9.post1", Api10),
        ("11.0.0.114", Api11),
        ("11.4.0.106", Api11),
    ],
)
def test_every_release_has_its_class(version: str, kind: type) -> None:
    api = api_for(SimpleNamespace(__version__=version))
    assert type(api) is kind
    assert api.version == version


@pytest.mark.parametrize("version", ["7.2.3", "8.5.3", "9.3.0", "12.0.0"])
def test_other_releases_are_refused(version: str) -> None:
    with pytest.raises(
        EngineUnavailableError, match=rf"TensorRT {version} is not driven.*8\.6\.1"
    ):
        api_for(SimpleNamespace(__version__=version))


@pytest.mark.parametrize("version", ["", "10", "ten.four", "x10.4"])
def test_no_version_is_refused(version: str) -> None:
    with pytest.raises(EngineUnavailableError, match=f"cannot read the version '{version}'"):
        release_of(version)


def test_tensorrt_is_missing_here() -> None:
    pytest.importorskip("numpy")
    with pytest.raises(EngineUnavailableError, match=r"pip install 'detfit\[tensorrt\]'"):
        load_api()


def test_int64_is_narrowed_for_8_alone() -> None:
    array = np.arange(6, dtype=np.int64).reshape(2, 3).T
    for version, dtype in (("8.6.1", "int32"), ("10.0.1", "int64"), ("11.4.0", "int64")):
        made = api_for(SimpleNamespace(__version__=version)).host_array(array)
        assert made.dtype == dtype
        assert made.flags.c_contiguous
        np.testing.assert_array_equal(made, array)


def test_11_has_no_calibrators_and_8_no_refusal_of_misses() -> None:
    cuda = FakeCuda()
    eleven = api_for(fake_trt("11.4.0", cuda))
    for call in (lambda: eleven.calibrator(list), lambda: eleven.set_calibrator(None, None, None)):
        with pytest.raises(EngineBuildError, match=r"11\.4\.0 has no calibrators"):
            call()
    with pytest.raises(EngineBuildError, match=r"8\.6\.1 cannot refuse.*on_cache_miss='time'"):
        api_for(fake_trt("8.6.1", cuda)).refuse_cache_misses(None)
