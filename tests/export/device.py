"""The loader run by a process that can import no more than a device has."""

import json
import subprocess
from pathlib import Path
from typing import Any

from export import ExportResult, Session, detect_image
from export.bundle.postprocess import Detections
from export.runtime import load

ROOT = Path(__file__).parents[2]

BLOCKER = """
import sys

class Blocker:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ALLOWED:
            raise ModuleNotFoundError(f"{name} is not on the device", name=name)

ROOMS = {"searchspaces", "engines", "detection", "export"}
# onnxruntime's own dependencies come after it.
ALLOWED = ROOMS | {"numpy", "PIL", "onnxruntime", "flatbuffers", "google", "packaging"}
ALLOWED |= {"openvino", "openvino_telemetry"}
sys.meta_path.insert(0, Blocker())
"""

SCRIPT = """
import json, sys

from export.runtime import load

engine, folder, *images = sys.argv[1:]
with load(folder, engine=engine, verified_only=engine == "onnxruntime") as detector:
    found = [
        [one.boxes.tolist(), one.scores.tolist(), one.labels.tolist(), list(one.names), one.masks]
        for one in detector(images, score_threshold=0.0)
    ]
heavy = {"torch", "torchvision", "onnx", "pydantic", "scipy", "pycocotools"} & set(sys.modules)
assert not heavy, heavy
print(json.dumps(found))
"""


def listed(found: Detections, labels: tuple[str, ...]) -> list[Any]:
    names = [labels[label] for label in found.labels.tolist()]
    masks = None if found.masks is None else [dict(mask) for mask in found.masks]
    return [found.boxes.tolist(), found.scores.tolist(), found.labels.tolist(), names, masks]


def run_script(
    command: list[str], bundle: Path, photos: list[Path], engine: str = "onnxruntime"
) -> Any:
    run = subprocess.run(
        [*command, engine, str(bundle), *map(str, photos)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def by_session(exported: ExportResult, photos: list[Path]) -> list[Any]:
    with Session.open(exported.bundle) as session:
        return [listed(detect_image(session, path), session.labels) for path in photos]


def by_loader(exported: ExportResult, photos: list[Path], engine: str) -> list[Any]:
    with load(exported.bundle.path, engine=engine, verified_only=False) as detector:
        return [
            listed(Detections(one.boxes, one.scores, one.labels, one.masks), detector.labels)
            for one in detector(photos, score_threshold=0.0)
        ]
