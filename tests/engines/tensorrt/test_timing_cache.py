import hashlib
from pathlib import Path

import pytest

from engines import EngineBuildError, TimingCache
from engines.tensorrt.timing_cache import engine_version

CONTENT = b"timings of some kernels"


def test_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "timing.cache"
    digest = TimingCache(CONTENT).save(path)
    assert digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert TimingCache.read(path, digest) == TimingCache(CONTENT)
    assert TimingCache.read(str(path), digest.upper()).content == CONTENT


def test_another_content_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "timing.cache"
    digest = TimingCache(CONTENT).save(path)
    path.write_bytes(CONTENT[:-1] + b"z")
    with pytest.raises(
        EngineBuildError, match=rf"timing.cache has SHA-256 .*, pinned is {digest}"
    ):
        TimingCache.read(path, digest)
    assert path.read_bytes() == CONTENT[:-1] + b"z"


@pytest.mark.parametrize("digest", ["", "abc", "g" * 64])
def test_no_digest_is_no_pin(tmp_path: Path, digest: str) -> None:
    with pytest.raises(EngineBuildError, match=f"64 hex digits, got '{digest}'"):
        TimingCache.read(tmp_path / "any", digest)


def test_a_missing_file_or_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(EngineBuildError, match=r"cannot read the timing cache .*nowhere"):
        TimingCache.read(tmp_path / "nowhere", "0" * 64)
    with pytest.raises(EngineBuildError, match="missing"):
        TimingCache(CONTENT).save(tmp_path / "missing" / "timing.cache")


def test_the_identity_of_an_engine() -> None:
    one, other = TimingCache(b"a"), TimingCache(b"b")
    assert engine_version("10.4.0", None) == "10.4.0"
    assert engine_version("10.4.0", TimingCache()) == "10.4.0 (timing cache empty)"
    assert engine_version("10.4.0", one) != engine_version("10.4.0", other)
    assert engine_version("10.4.0", one).split(".")[:2] == ["10", "4"]
