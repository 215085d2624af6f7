import subprocess
import sys
from pathlib import Path

import pytest
import torch

from engines.torch.settings import exact_fp32


def test_fp32_is_never_tf32() -> None:
    def flags() -> tuple[bool, bool, bool]:
        cudnn = torch.backends.cudnn
        return torch.backends.cuda.matmul.allow_tf32, cudnn.allow_tf32, cudnn.benchmark

    before = flags()
    with exact_fp32(torch.device("cuda", 0)):
        assert flags() == (False, False, True)
    assert flags() == before
    with exact_fp32(torch.device("cpu")):
        assert flags() == before


def test_fp32_is_exact_whichever_way_the_user_allowed_tf32() -> None:
    """In its own process: torch's older flags raise for good once the newer are used."""
    if not hasattr(torch.backends.cudnn, "conv"):
        pytest.skip(f"torch {torch.__version__} has the older flags only")
    code = (
        "import torch\n"
        "from engines.torch.settings import exact_fp32\n"
        "matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn\n"
        "flags = lambda: [o.fp32_precision for o in (matmul, cudnn.conv, cudnn.rnn)]\n"
        "matmul.fp32_precision, cudnn.rnn.fp32_precision = 'tf32', 'ieee'\n"
        "before = flags(), cudnn.benchmark, cudnn.deterministic\n"
        "with exact_fp32(torch.device('cuda', 0)):\n"
        "    assert flags() == ['ieee'] * 3, flags()\n"
        "    assert cudnn.benchmark\n"
        "after = flags(), cudnn.benchmark, cudnn.deterministic\n"
        "assert after == before == (['tf32', 'tf32', 'ieee'], False, False), after\n"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
