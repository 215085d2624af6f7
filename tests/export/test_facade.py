import inspect
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import export
from export import ExportResult

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "torchvision", "scipy", "sklearn", "plotly", "pycocotools", "moocore")


def loaded_by(script: str) -> list[str]:
    """Which heavy packages a fresh interpreter has after a script."""
    code = f"{script}\nimport sys\nprint(*(n for n in {HEAVY!r} if n in sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.split()


def test_detecting_with_a_bundle_needs_no_torch(tmp_path: Path, exported: ExportResult) -> None:
    photo = tmp_path / "photo.jpg"
    Image.effect_noise((80, 60), 90.0).convert("RGB").save(photo)
    script = (
        "from export import detect_files\n"
        f"results = detect_files({str(exported.bundle.path)!r}, [{str(photo)!r}], "
        f"{str(tmp_path / 'out')!r}, score_threshold=0.05)\n"
        "assert results[0].objects, results"
    )
    assert loaded_by(script) == []
    assert (tmp_path / "out" / "photo-detected.jpg").is_file()


def test_judging_and_reading_bundles_needs_nothing_heavy(exported: ExportResult) -> None:
    script = f"import export\nexport.load_bundle({str(exported.bundle.path)!r})\nexport.judge"
    assert loaded_by(script) == []


@pytest.mark.parametrize("name", export.__all__)
def test_no_name_is_shadowed_by_a_file_of_the_room(name: str) -> None:
    """``from export import draw`` must give the function, also once its file is loaded."""
    for _ in range(2):
        assert not inspect.ismodule(getattr(export, name))


def test_every_public_name_is_documented() -> None:
    missing = [name for name in export.__all__ if not getattr(export, name).__doc__]
    assert missing == []
