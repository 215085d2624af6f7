"""What the command line says of bundles that were spoilt, and of places without certificate."""

from pathlib import Path

import pytest
from PIL import Image

from tests.cli import done, run

from .test_bundle import FILES, rewrite


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.effect_noise((90, 60), 90.0).save(path)
    return path


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_byte_ends_every_command(
    bundle_folder: Path, tmp_path: Path, photo: Path, data_folder: Path, name: str
) -> None:
    path = bundle_folder / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    word = "manifest" if "manifest" in name else name
    for command in (
        ("bundle", "show", bundle_folder),
        ("detect", bundle_folder, photo, "-o", tmp_path / "out"),
        ("detect", bundle_folder, photo, "-o", tmp_path / "out", "--unverified"),
        ("report", bundle_folder, "-o", tmp_path / "r.html"),
        ("verify", bundle_folder, "--data", data_folder),
    ):
        run(*command).refused(word, "after the bundle was written")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "r.html").exists()


def test_elsewhere_a_bundle_is_refused_certified_and_taken(
    bundle_folder: Path, tmp_path: Path, photo: Path, data_folder: Path
) -> None:
    rewrite(bundle_folder, lambda v: v["engine"].update(machine="riscv64"))
    detect = ("detect", bundle_folder, photo, "-o", tmp_path / "out", "--json")
    run(*detect).refused("verified on riscv64", "detfit verify BUNDLE", "--unverified")
    unverified = done(*detect, "--unverified").fields
    assert "riscv64" in done("bundle", "show", bundle_folder, "--json").fields["runs_here"]

    verify = ("verify", bundle_folder, "--data", data_folder, "--no-latency", "--json")
    assert done(*verify).fields["certificate"] == "not asked for; --certify adds it"
    added = done(*verify, "--certify").fields
    assert (added["certified"], added["certificate"]) == (True, "added")
    assert done(*detect).fields == unverified
    shown = done("bundle", "show", bundle_folder, "--json").fields
    assert shown["runs_here"] == "yes"
    assert [row["platform"] for row in shown["certificates"]][1] == added["platform"]


def test_the_report_is_checked_for_the_releases_asked_for(
    bundle_folder: Path, tmp_path: Path
) -> None:
    page = tmp_path / "r.html"
    done("report", bundle_folder, "-o", page, "--tensorrt", "8.5", "--tensorrt", "10.11")
    text = page.read_text()
    assert "TensorRT 8.5 fp32" in text
    assert "TensorRT 10.11 fp32" in text
    assert "TensorRT 8.6 fp32" not in text
    run("report", bundle_folder, "-o", page, "--tensorrt", "x").refused("TensorRT release")
    run("report", tmp_path, "-o", page, "--tensorrt", "8.6").refused("go with a bundle")


def test_another_engine_detects_once_it_is_certified(
    bundle_folder: Path, tmp_path: Path, photo: Path, data_folder: Path
) -> None:
    pytest.importorskip("openvino")
    detect = ("detect", bundle_folder, photo, "-o", tmp_path / "out", "--threshold", 0, "--json")
    by_openvino = (*detect, "--engine", "openvino")
    run(*by_openvino).refused("verified with onnxruntime, not with openvino", "--certify")
    run(*detect, "--engine", "torch").refused("does not run without torch", "onnxruntime")
    verify = ("verify", bundle_folder, "--data", data_folder, "--no-latency", "--json")
    assert done(*verify, "--engine", "openvino", "--certify").fields["certificate"] == "added"
    (mine,), (other,) = done(*detect).fields, done(*by_openvino).fields
    assert len(mine["objects"]) == len(other["objects"]) > 0
    assert other["objects"][0]["label"] == mine["objects"][0]["label"]
