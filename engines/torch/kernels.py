"""Whether a build of torch has kernels for a GPU; loads nothing heavy.

A wheel holds machine code for some compute capabilities and, for the newest of them, PTX, which
the driver compiles for later ones. Machine code runs on GPUs of the same major capability and no
smaller minor one; that of ``sm_90a`` and the like on exactly that one.

Source: CUDA C++ Programming Guide, Binary Compatibility and PTX Compatibility.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from ..errors import EngineUnavailableError

VOLTA = (7, 0)
VOLTA_LINE = (
    "pip install 'torch==2.10.*' 'torchvision==0.25.*' "
    "--index-url https://download.pytorch.org/whl/cu126"
)
_ARCHITECTURE = re.compile(r"(sm|compute)_(\d+)(\d)([a-z]?)")


def check_kernels(
    name: str, capability: tuple[int, int], architectures: Sequence[str], version: str
) -> None:
    """Check that torch runs on a GPU, which it would otherwise say at the first kernel.

    Args:
        name: Of the GPU.
        capability: Major and minor compute capability.
        architectures: What torch was built for, as ``torch.cuda.get_arch_list()`` tells; nothing
            is checked where it tells nothing.
        version: Of torch.

    Raises:
        EngineUnavailableError: It was built for other GPUs; the message says what to install.
    """
    if not architectures or any(_runs(architecture, capability) for architecture in architectures):
        return
    wanted = "sm_{}{}".format(*capability)
    fix = f"; run: {VOLTA_LINE}" if capability == VOLTA else ""
    raise EngineUnavailableError(
        f"torch {version} has no kernels for {name} (compute capability "
        f"{capability[0]}.{capability[1]}), only for {', '.join(architectures)}; install a build "
        f"with {wanted}{fix}"
    )


def _runs(architecture: str, capability: tuple[int, int]) -> bool:
    match = _ARCHITECTURE.fullmatch(architecture)
    if match is None:
        return True  # a notation of a newer torch: let it try
    built = int(match[2]), int(match[3])
    if match[4] == "a":
        return built == capability
    if match[1] == "compute":
        return built <= capability
    return built[0] == capability[0] and built[1] <= capability[1]
