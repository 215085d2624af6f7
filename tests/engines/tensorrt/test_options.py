from pathlib import Path

import pytest

from engines import BatchRange, EngineBuildError, TensorRtBackend, TensorRtOptions, TimingCache
from engines.options import options_text, parse_options
from engines.tensorrt.options import OPTIONS


def _parsed(*texts: str) -> TensorRtOptions:
    return TensorRtOptions(**parse_options("tensorrt", OPTIONS, texts))


def test_every_option_has_a_text() -> None:
    assert _parsed(
        "batch=1:4:8",
        "timing_cache=empty",
        "on_cache_miss=refuse",
        "workspace_bytes=4294967296",
        "typing=strong",
        "level=5",
        "cuda=cuda-python",
    ) == TensorRtOptions(
        batch=BatchRange(1, 4, 8),
        timing_cache=TimingCache(),
        on_cache_miss="refuse",
        workspace_bytes=2**32,
        typing="strong",
        level=5,
        cuda="cuda-python",
    )
    assert _parsed() == TensorRtOptions()


def test_a_timing_cache_is_read_and_held_to_its_hash(tmp_path: Path) -> None:
    file = tmp_path / "t:1.cache"
    digest = TimingCache(b"kernels").save(file)
    assert _parsed(f"timing_cache={file}:{digest}").timing_cache == TimingCache(b"kernels")
    with pytest.raises(EngineBuildError, match="pinned is 00"):
        _parsed(f"timing_cache={file}:{'0' * 64}")
    with pytest.raises(EngineBuildError, match="64 hex digits, got 'cache'"):
        _parsed(f"timing_cache={tmp_path}:cache")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batch=4", r"takes LEAST:TUNED:MOST, got '4'"),
        ("batch=1:2:x", "takes LEAST:TUNED:MOST"),
        ("batch=4:2:8", "1 <= least <= tuned <= most"),
        ("timing_cache=file", r"takes empty\|FILE:SHA256"),
        ("level=6", r"takes 0\.\.5, got '6'"),
        ("typing=loose", r"takes auto\|weak\|strong, got 'loose'"),
        ("cuda=torch", r"takes pycuda\|cuda-python, got 'torch'"),
        ("on_cache_miss=refuse", "needs a timing_cache"),
        ("workspace=1", "has no option 'workspace'; known are batch=LEAST:TUNED:MOST"),
    ],
)
def test_refuses(text: str, message: str) -> None:
    with pytest.raises(EngineBuildError, match=message):
        TensorRtBackend().with_options([text])


def test_what_changes_the_engine_is_recorded() -> None:
    """The timing cache stands in the engine's version; the package drives the same driver."""
    chosen = _parsed("batch=1:4:8", "level=5", "typing=weak", "timing_cache=empty", "cuda=pycuda")
    assert options_text(OPTIONS, chosen) == "batch=1:4:8 typing=weak level=5"
