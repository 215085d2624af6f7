"""``detfit check``: what it prints, writes and exits with."""

from pathlib import Path

import onnx
import pytest

from tests.cli import done, run
from tests.export.check.bad_graphs import BAD
from tests.export.check.graphs import model


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / "bad.onnx"
    onnx.save(BAD["topk-of-computed-constant"].model(), path)
    return path


def test_good_graph_exits_with_zero(tmp_path: Path) -> None:
    path = tmp_path / "good.onnx"
    onnx.save(model("g (float[2] x) => (float[2] y) { y = Relu(x) }"), path)
    fields = done("check", path, "--tensorrt", "10.4", "--json").fields
    assert fields["passed"] is True
    assert fields["findings"] == []
    assert (fields["tensorrt"], fields["precision"], fields["nodes"]) == ("10.4", "fp32", 1)


def test_bad_graph_exits_with_one_and_says_why(bad: Path) -> None:
    outcome = run("check", bad, "--tensorrt", "8.5")
    assert outcome.code == 1
    assert "passed: no" in outcome.out
    assert "topk-k" in outcome.out
    assert "builtin_op_importers.cpp" in outcome.out
    fields = run("check", bad, "--tensorrt", "8.5.3", "--json").fields
    (found,) = (item for item in fields["findings"] if item["severity"] == "fail")
    assert set(found) >= {"rule", "node", "op", "reason", "fix", "source", "automatic"}
    assert found["automatic"] is True
    assert run("check", bad, "--tensorrt", "8.6").code == 0


def test_fix_writes_what_then_passes(bad: Path, tmp_path: Path) -> None:
    fixed = tmp_path / "fixed.onnx"
    fields = done("check", bad, "--tensorrt", "8.5", "--fix", "-o", fixed, "--json").fields
    assert fields["path"] == str(fixed)
    assert [item["status"] for item in fields["fixes"]] == ["applied", "applied"]
    assert done("check", fixed, "--tensorrt", "8.5").code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.onnx", "fixed.onnx"]


def test_fix_exits_by_what_remains(tmp_path: Path) -> None:
    path, fixed = tmp_path / "bad.onnx", tmp_path / "fixed.onnx"
    onnx.save(BAD["unique"].model(), path)
    outcome = run("check", path, "--tensorrt", "8.6", "--fix", "-o", fixed)
    assert outcome.code == 1
    assert "no release takes Unique" in outcome.out
    assert fixed.is_file()


def test_a_file_may_be_fixed_in_place(bad: Path) -> None:
    done("check", bad, "--tensorrt", "8.5", "--fix", "-o", bad)
    done("check", bad, "--tensorrt", "8.5")


def test_misuse_is_one_line(bad: Path, tmp_path: Path) -> None:
    run("check", bad, "--tensorrt", "7.2").refused("7.2", "8.4 to 8.6")
    run("check", bad, "--tensorrt", "8.6", "--precision", "int8").refused("int8", "fp16")
    run("check", tmp_path / "no.onnx", "--tensorrt", "8.6").refused("no.onnx")
    run("check", tmp_path, "--tensorrt", "8.6").refused()
    for name in ("text.onnx", "text.json", "text.textproto"):  # onnx reads others by their endings
        (tmp_path / name).write_text("not a model")
        run("check", tmp_path / name, "--tensorrt", "8.6").refused(name, "is not an ONNX model")
    run("check", bad, "--tensorrt", "8.6", "--fix").refused("--fix and -o go together")
    missing = tmp_path / "nowhere" / "fixed.onnx"
    run("check", bad, "--tensorrt", "8.5", "--fix", "-o", missing).refused("fixed.onnx")


def test_newer_release_is_noted(bad: Path) -> None:
    fields = done("check", bad, "--tensorrt", "11.9", "--json").fields
    assert fields["tensorrt"] == "11.1"
    assert "11.9" in fields["note"]
