"""Wrong invocations of the commands about engines: one line, exit code 2, nothing written."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.cli import done, run
from tests.export.conftest import ARCH

NOBODY = 65534
DETECT = ("detect", "bundle", "photo.png")
EXPORT = ("export", ARCH, "--weights", "bundle/weights.safetensors", "-o", "new")
VERIFY = ("verify", "bundle", "--data", "DATA")
CHECK = ("check", "bundle/model.onnx", "--tensorrt", "8.6")

BAD = [
    (("detect", "bundle"), ["images", "detfit detect --help"]),
    (("detect", "nowhere", "photo.png"), ["nowhere is not a folder"]),
    (("detect", "file", "photo.png"), ["file is not a folder"]),
    (("detect", "empty", "photo.png"), ["empty is not a bundle", "manifest.json"]),
    (("detect", "bundle", "text.jpg"), ["text.jpg: not a readable image"]),
    (("detect", "bundle", "nothing.jpg"), ["nothing.jpg: not a readable image"]),
    (("detect", "bundle", "cut.jpg"), ["cut.jpg: not a readable image"]),
    (("detect", "bundle", "float.tiff"), ["float.tiff: floating-point image", "8 or 16 bit"]),
    (("detect", "bundle", "empty"), ["empty is a folder; name the image files in it"]),
    (("detect", "bundle", "nowhere.jpg", "empty"), ["nowhere.jpg: no such image file"]),
    ((*DETECT, "-o", "file"), ["file", "is a file"]),
    ((*DETECT, "-o", "file/out"), ["file is not a folder; name another one"]),
    ((*DETECT, "-o", "dangling/out"), ["dangling is not a folder"]),
    ((*DETECT, "-o", "bundle"), ["bundle is in the bundle", "by -o"]),
    ((*DETECT, "-o", "bundle/out/deep"), ["bundle/out/deep is in the bundle", "by -o"]),
    ((*DETECT, "-o", "link"), ["link is in the bundle"]),
    ((*DETECT, "--threshold", "nan"), ["--threshold"]),
    (("verify", "file", "--data", "DATA"), ["file is not a folder"]),
    (("verify", "bundle", "--data", "file"), ["file"]),
    (("verify", "bundle", "--data", "empty"), ["empty"]),
    ((*VERIFY, "--split", "test"), ["'test' is no split"]),
    ((*VERIFY, "--limit", "0"), ["--limit"]),
    ((*VERIFY, "--engine", "nosuch"), ["'nosuch'", "onnxruntime"]),
    ((*VERIFY, "--engine", "torch"), ["cannot be run by torch"]),
    ((*VERIFY, "--record", "nowhere.jsonl"), ["nowhere.jsonl"]),
    ((*VERIFY, "--record", "file"), ["file", "line 1"]),
    ((*EXPORT[:-1], "file/new"), ["file is not a folder; name another one"]),
    ((*EXPORT[:-1], "file"), ["file", "is a file"]),
    ((*EXPORT[:-1], "bundle"), ["is a bundle already", "--overwrite"]),
    ((*EXPORT[:-1], "bundle/new"), ["is in the bundle", "by -o"]),
    ((*EXPORT[:-1], "photos", "--overwrite"), ["something else than a bundle", "left as it is"]),
    ((*EXPORT, "--weights", "empty"), ["empty"]),
    ((*EXPORT, "--weights", "file"), ["file"]),
    ((*EXPORT, "--limit", "3"), ["limit of 3", "--verify"]),
    ((*EXPORT, "--verify", "empty"), ["empty"]),
    ((*EXPORT, "--verify", "file"), ["file"]),
    ((*EXPORT, "--calibrate", "DATA"), ["int8", "fp32", "--calibrate"]),
    ((*EXPORT, "--calibration-seed", "3"), ["int8", "fp32", "--calibration-seed"]),
    ((*EXPORT, "--no-fp32-search"), ["--no-fp32-search", "the precision is fp32"]),
    ((*EXPORT, "--budget-on", "p99"), ["--budget-on", "give one by --budget-ms"]),
    ((*EXPORT, "--tensorrt", "7.1"), ["TensorRT 7.1", "8.4 to 8.6"]),
    ((*EXPORT, "--precision", "fp8"), ["fp32, fp16, int8", "'fp8'"]),
    ((*EXPORT, "--device", "cuda:7"), ["cuda:7"]),
    ((*EXPORT, "--device", "gpu"), ["'gpu'"]),
    ((*EXPORT, "--batch", "10000000"), ["--batch"]),
    ((*EXPORT, "--opset", "11"), ["--opset"]),
    ((*EXPORT, "--max-ap-drop", "nan"), ["--max-ap-drop"]),
    ((*EXPORT, "--budget-ms", "inf"), ["budget_ms", "inf"]),
    ((*EXPORT, "-t", "file"), ["file"]),
    (("check", "bundle/model.onnx"), ["--tensorrt", "detfit check --help"]),
    (("check", "bundle", "--tensorrt", "8.6"), ["bundle", "directory"]),
    (("check", "nothing.jpg", "--tensorrt", "8.6"), ["ONNX model"]),
    (("check", "photo.png", "--tensorrt", "8.6"), ["photo.png is not an ONNX model"]),
    ((*CHECK[:-1], ""), ["''", "8.6"]),
    ((*CHECK[:-1], "latest"), ["'latest'", "8.6"]),
    ((*CHECK, "-o", "fixed.onnx"), ["--fix and -o go together"]),
    ((*CHECK, "--fix", "-o", "empty"), ["empty", "is a directory"]),
    ((*CHECK, "--fix", "-o", "file/x.onnx"), ["file/x.onnx"]),
    (("bundle", "show", "file"), ["file is not a folder"]),
    (("bundle", "show", "photos"), ["photos is not a bundle"]),
    (("report", "bundle", "-o", "bundle/r.html"), ["is in the bundle", "by -o"]),
    (("report", "bundle", "-o", "file/r.html"), ["file/r.html"]),
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, exported: object) -> Path:
    """A bundle beside photographs and things that are none."""
    folder = tmp_path_factory.mktemp("misuse")
    shutil.copytree(exported.bundle.path, folder / "bundle")  # type: ignore[attr-defined]
    (folder / "empty").mkdir()
    (folder / "photos").mkdir()
    (folder / "file").write_text("mine")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "link").symlink_to("bundle")
    photo = Image.effect_noise((90, 60), 90.0)
    photo.save(folder / "photo.png")
    photo.save(folder / "photos" / "one.png")
    photo.save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:200])
    (folder / "text.jpg").write_text("no image")
    (folder / "nothing.jpg").write_bytes(b"")
    Image.new("F", (9, 9)).save(folder / "float.tiff")
    return folder


@pytest.fixture
def folder(made: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The same; no test may leave anything in it."""
    monkeypatch.chdir(made)
    before = everything(made)
    yield made
    assert everything(made) == before


def everything(folder: Path) -> dict[str, int]:
    return {str(path): path.lstat().st_mtime_ns for path in sorted(folder.rglob("*"))}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(("args", "words"), BAD, ids=lambda value: " ".join(value))
def test_misuse_is_one_line(args: tuple[str, ...], words: list[str], data_folder: Path) -> None:
    run(*(str(data_folder) if arg == "DATA" else arg for arg in args)).refused(*words)


def test_photographs_of_every_kind_are_taken(folder: Path, tmp_path: Path) -> None:
    noise = Image.effect_noise((80, 40), 90.0)
    turned = Image.Exif()
    turned[0x0112] = 6  # by 90 degrees
    paths = [tmp_path / name for name in ("c.jpg", "16.png", "p.gif", "t.png", "1.png", "w.png")]
    noise.convert("CMYK").save(paths[0])
    noise.convert("I;16").save(paths[1])
    noise.convert("P").save(paths[2])
    noise.save(paths[3], exif=turned)
    Image.new("RGB", (1, 1)).save(paths[4])
    Image.new("L", (3000, 1)).save(paths[5])
    odd = Path(os.fsdecode(bytes(tmp_path) + b"/\xff\x1b[2J.png"))
    noise.save(odd)
    printed = done("detect", "bundle", *paths, odd, "-o", tmp_path / "out").out
    printed.encode()
    rows = done("detect", "bundle", *paths, odd, "-o", tmp_path / "out", "--json").fields
    sizes = []
    for row in rows:
        with Image.open(row["drawn"]) as drawn:
            sizes.append(drawn.size)
    assert sizes == [(80, 40), (80, 40), (80, 40), (40, 80), (1, 1), (3000, 1), (80, 40)]
    assert rows[-1]["image"] == str(odd)
    assert folder.is_dir()


def writing(place: Path, out: Path) -> list[tuple[object, ...]]:
    """Commands that write into a folder."""
    model = place / "bundle" / "model.onnx"
    return [
        ("detect", place / "bundle", place / "photo.png", "-o", out),
        ("detect", place / "bundle", place / "photo.png", "-o", out / "deep"),
        ("check", model, "--tensorrt", "8.6", "--fix", "-o", out / "fixed.onnx"),
        ("report", place / "bundle", "-o", out / "r.html"),
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to be root to become somebody else")
def test_where_nothing_may_be_written_is_said(made: Path) -> None:
    with tempfile.TemporaryDirectory() as name:  # pytest's own folders are for root alone
        place = Path(name)
        place.chmod(0o755)
        shutil.copytree(made / "bundle", place / "bundle")
        shutil.copy(made / "photo.png", place)
        (place / "out").mkdir()
        for command in writing(place, place / "out"):  # which loads what nobody else may read
            done(*command)
        before = everything(place)
        os.seteuid(NOBODY)
        try:
            outcomes = [run(*command) for command in writing(place, place / "out")]
        finally:
            os.seteuid(0)
        assert everything(place) == before
    for outcome in outcomes:
        assert "ermission" in outcome.refused("cannot write")
