"""Which GPUs a build of torch runs on."""

import pytest

from engines import EngineUnavailableError
from engines.torch.kernels import check_kernels

PYPI_2_14 = ("sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120")
CU126 = ("sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90")


@pytest.mark.parametrize(
    ("capability", "architectures", "runs"),
    [
        ((7, 0), CU126, True),
        ((7, 0), PYPI_2_14, False),
        ((7, 2), CU126, True),  # the same major, a larger minor
        ((7, 5), PYPI_2_14, True),
        ((8, 9), PYPI_2_14, True),
        ((9, 0), ("sm_90a",), True),
        ((9, 1), ("sm_90a",), False),
        ((10, 3), PYPI_2_14, True),
        ((12, 0), ("sm_75", "sm_90"), False),
        ((12, 0), ("sm_75", "sm_90", "compute_90"), True),  # the driver compiles PTX
        ((7, 0), ("sm_75", "compute_75"), False),  # for later ones only
        ((7, 0), (), True),
        ((7, 0), ("gfx90a",), True),
    ],
)
def test_what_runs(
    capability: tuple[int, int], architectures: tuple[str, ...], runs: bool
) -> None:
    if runs:
        check_kernels("a GPU", capability, architectures, "2.14.1")
        return
    with pytest.raises(EngineUnavailableError, match=f"sm_{capability[0]}{capability[1]}"):
        check_kernels("a GPU", capability, architectures, "2.14.1")


def test_a_v100_is_told_what_to_install() -> None:
    with pytest.raises(EngineUnavailableError) as told:
        check_kernels("Tesla V100-SXM2-16GB", (7, 0), PYPI_2_14, "2.14.1")
    text = str(told.value)
    assert "torch 2.14.1 has no kernels for Tesla V100-SXM2-16GB (compute capability 7.0)" in text
    assert "sm_75, sm_80" in text
    assert "run: pip install 'torch==2.10.*'" in text
    assert "cu126" in text
