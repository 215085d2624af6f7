import pytest

from engines import device_limits
from engines.tensorrt import LIMITS, limits_row, support_rows
from engines.tensorrt.limits import install_line, precision_warning, version_problems

V100, T4, A100, H100 = (7, 0), (7, 5), (8, 0), (9, 0)


def test_what_a_v100_does() -> None:
    limits = {limit.subject: limit for limit in device_limits(V100)}
    assert limits["tensorrt"].last == (10, 4)
    assert limits["cuda"].last == (12, 9)
    assert limits["fp16 tensor cores"].supported
    lacking = {subject for subject, limit in limits.items() if not limit.supported}
    assert lacking == {"int8 tensor cores", "bf16", "tf32"}


@pytest.mark.parametrize("capability", [T4, A100, H100, (12, 0)])
def test_newer_gpus_take_any_version(capability: tuple[int, int]) -> None:
    assert all(limit.last is None for limit in device_limits(capability))
    assert version_problems(capability, tensorrt=(11, 4), cuda=(13, 0)) == ()


@pytest.mark.parametrize("capability", [V100, (7, 2), T4, A100, H100])
def test_no_two_rules_contradict(capability: tuple[int, int]) -> None:
    subjects = [limit.subject for limit in device_limits(capability)]
    assert len(subjects) == len(set(subjects))


def test_every_rule_has_a_source() -> None:
    assert all(len(limit.source) > 10 for limit in LIMITS)
    assert all(
        (limit.last is not None) == (limit.subject in ("tensorrt", "cuda")) for limit in LIMITS
    )


@pytest.mark.parametrize(
    ("tensorrt", "fits"),
    [((8, 6), True), ((10, 0), True), ((10, 4), True), ((10, 5), False), ((11, 0), False)],
)
def test_tensorrt_on_a_v100(tensorrt: tuple[int, int], fits: bool) -> None:
    problems = version_problems(V100, tensorrt=tensorrt)
    assert (problems == ()) == fits
    if not fits:
        version = ".".join(map(str, tensorrt))
        assert f"TensorRT {version} does not run on compute capability 7.0" in problems[0]
        assert "the last that does is 10.4" in problems[0]
        assert "release notes" in problems[0]


@pytest.mark.parametrize(("cuda", "fits"), [((11, 8), True), ((12, 9), True), ((13, 0), False)])
def test_cuda_on_a_v100(cuda: tuple[int, int], fits: bool) -> None:
    assert (version_problems(V100, cuda=cuda) == ()) == fits


def test_all_problems_are_told_and_unknown_versions_are_none() -> None:
    assert len(version_problems(V100, tensorrt=(11, 0), cuda=(13, 0))) == 2
    assert version_problems(V100) == ()


def test_int8_on_a_v100_is_warned_of() -> None:
    warning = precision_warning(V100, "int8")
    assert warning is not None
    assert "compute capability 7.0 has no int8 tensor cores" in warning
    assert precision_warning(V100, "fp16") is None
    assert precision_warning(V100, "fp32") is None
    assert precision_warning(T4, "int8") is None


def test_what_to_install() -> None:
    assert install_line(V100) == "pip install 'detfit[tensorrt-v100]'"
    assert install_line(T4) == "pip install 'detfit[tensorrt]'"
    assert "on a V100: 'detfit[tensorrt-v100]'" in install_line(None)


def test_doctors_rows_agree_with_the_rules() -> None:
    row = limits_row(0, "Tesla V100", V100)
    assert row["tensorrt"] == "up to 10.4"
    assert row["lacks"] == "int8 tensor cores, tf32, bf16"
    old, new = support_rows()
    assert row["install"] == old["install"] == install_line(V100)
    assert (old["tensorrt"], old["cuda"]) == ("8.6.1 or 10.0 to 10.4", "up to 12.9")
    assert (new["tensorrt"], new["cuda"]) == ("8.6.1, 10 or 11", "12 or 13")
    assert new["install"] == install_line(T4)
    assert limits_row(1, "NVIDIA H100", H100)["lacks"] == "nothing"
    assert limits_row(1, "NVIDIA H100", H100)["tensorrt"] == "any"
