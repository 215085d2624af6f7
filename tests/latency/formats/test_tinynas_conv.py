from __future__ import annotations

import gzip

import pytest

from engines import MeasurementError
from latency import FORMATS, MODULE, Origin, TableError, read_table, write_table
from searchspaces import outputs_of

ROWS = """\
{Regular,1,3,224,224,32,3,2,0} 0.0512
{Regular,1,16,57,57,24,5,2,1} 0.025

{Depthwise,32,64,14,14,64,7,1,0} 0.5
{Regular,128,3,480,480,160,7,2,1} -1
"""
V100 = Origin(device="V100", precision="fp16", engine="tensorrt")


def reader(tmp_path, text=ROWS, origin=V100, name="conv.txt"):
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return FORMATS["tinynas-conv"].read(path, origin)


@pytest.mark.parametrize("name", ["conv.txt", "conv.txt.gz"])
def test_rows_become_modules(tmp_path, name):
    table = reader(tmp_path, name=name)
    assert [row.workload.role for row in table.rows] == [MODULE] * 4
    first, second, third = table.entries
    assert first.get_int("groups") == 1
    assert first.dtype == "fp16"
    assert outputs_of(first)[0].shape == (1, 32, 112, 112)
    assert second.inputs[1].shape == (1, 24, 29, 29)
    assert (third.batch, third.get_int("groups")) == (32, 64)
    assert [m.median_ms for m in table.values()] == [0.0512, 0.025, 0.5]
    (failure,) = table.failures
    assert failure.error is not None
    assert "-1" in failure.error


def test_nothing_unknown_is_made_up(tmp_path):
    table = reader(tmp_path)
    device = table.device
    assert (device.name, device.kind, device.engine, device.cores) == (
        *("Tesla V100", "cuda", "tensorrt"),
        80,
    )
    for name in ("uuid", "engine_version", "driver", "os", "python"):
        assert getattr(device, name) == "unknown"
    for measurement in table.values():
        assert len(measurement.raw_ms) == 1
        assert not measurement.converged
        assert measurement.ci_ms == (0.0, float("inf"))
        assert measurement.unstable_reasons()
    notes = " ".join(table.manifest.notes)
    assert "conv.txt (sha256 " in notes
    assert "batch sizes of the modules: 1, 32, 128" in notes
    assert "placeholders" in notes


def test_one_batch_can_be_kept(tmp_path):
    origin = Origin(device="V100", precision="fp16", batch=32)
    table = reader(tmp_path, origin=origin)
    assert [spec.batch for spec in table] == [32]
    assert table.manifest.batch == 32
    assert reader(tmp_path).manifest.batch == 1


def test_there_and_back(tmp_path):
    table = reader(tmp_path)
    write_table(tmp_path / "t.jsonl", table)
    assert read_table(tmp_path / "t.jsonl").rows == table.rows
    lost = FORMATS["tinynas-conv"].write(table, tmp_path / "again.txt")
    assert FORMATS["tinynas-conv"].read(tmp_path / "again.txt", V100).rows == table.rows
    assert "samples and intervals: one median a row" in lost
    assert (tmp_path / "again.txt").read_text() == ROWS.replace("\n\n", "\n")


def test_other_kinds_are_not_written(run_profile, tmp_path):
    table = run_profile(detectors=1, isolated=True)
    lost = FORMATS["tinynas-conv"].write(table, tmp_path / "conv.txt")
    assert f"{len(table.workloads)} workloads that are no such convolution" in lost
    assert (tmp_path / "conv.txt").read_text() == ""


@pytest.mark.parametrize(
    ("row", "match"),
    [
        ("{Regular,1,3,224,224,32,3,2} 1", "a row has 8 numbers, got 7"),
        ("{Regular,1,3,224,224,32,3,2,0}", "does not read {type,batch,in_c"),
        ("Regular 1", "does not read"),
        ("{Dense,1,3,224,224,32,3,2,0} 1", "type must be one of Regular, Depthwise, got 'Dense'"),
        ("{Regular,0,3,224,224,32,3,2,0} 1", "batch must be an int >= 1, got '0'"),
        ("{Regular,1,3,x,224,32,3,2,0} 1", "in_h must be an int >= 1, got 'x'"),
        ("{Regular,1,3,224,224,32,3,2,-1} 1", "fused_add must be an int >= 0, got '-1'"),
        ("{Regular,1,3,224,224,32,3,2,2} 1", "fused_add must be 0 or 1|takes 3"),
        ("{Regular,1,3,224,224,32,4,2,0} 1", "kernel must be odd, got 4"),
        ("{Depthwise,1,3,224,224,32,3,2,0} 1", "out_c must be in_c=3 where Depthwise, got 32"),
        ("{Regular,1,3,224,224,32,3,2,0} 0", "milliseconds must be a finite number above 0"),
        ("{Regular,1,3,224,224,32,3,2,0} -2", "milliseconds must be a finite number above 0"),
        ("{Regular,1,3,224,224,32,3,2,0} nan", "milliseconds must be a finite number above 0"),
        ("{Regular,1,3,224,224,32,3,2,0} fast", "milliseconds must be .*, got 'fast'"),
        ("{Depthwise,32,64,14,14,64,7,1,0} 0.7", "repeats line 4"),
        ("\ufeff{Regular,1,3,9,9,32,3,2,0} 1", "does not read"),
    ],
)
def test_a_wrong_row_is_refused_by_line_and_field(tmp_path, row, match):
    with pytest.raises(TableError, match=rf"conv.txt, line 6: .*({match})"):
        reader(tmp_path, ROWS + row + "\n")


def test_damaged_files_are_refused(tmp_path):
    path = tmp_path / "conv.txt.gz"
    read = FORMATS["tinynas-conv"].read
    with pytest.raises(TableError, match="there is no file"):
        read(path, V100)
    path.write_bytes(gzip.compress(ROWS.encode())[:-20])
    with pytest.raises(TableError, match="damaged gzip"):
        read(path, V100)
    path.write_bytes(ROWS.encode())
    with pytest.raises(TableError, match="damaged gzip"):
        read(path, V100)
    (tmp_path / "conv.txt").write_bytes(ROWS.encode() + b"\xff\n")
    with pytest.raises(TableError, match="line 6: this is no UTF-8"):
        read(tmp_path / "conv.txt", V100)


def test_origins():
    spelled = Origin(device="cpu/Cortex-A76/4").device_info
    assert (spelled.kind, spelled.name, spelled.cores) == ("cpu", "Cortex-A76", 4)
    assert Origin(device="cuda/Tesla P4/20").device_info.name == "Tesla P4"
    for text in ("V1000", "cuda/P4", "cuda//4", "cuda/P4/many"):
        with pytest.raises(TableError, match=r"is not one of V100, T4, .* spell"):
            Origin(device=text)
    for wrong in ({"device": "tpu/X/4"}, {"device": "V100", "precision": "bf16"}):
        with pytest.raises(MeasurementError):
            Origin(**wrong)
    with pytest.raises(TableError, match="batch must be at least 1"):
        Origin(device="V100", batch=0)


def test_the_published_rows(data_dir, tmp_path):
    path = data_dir / "v100-trt-conv" / "conv.int8.txt.gz"
    if not path.is_file():
        pytest.skip(f"no published measurements at {path}: set DETFIT_TEST_DATA")
    small = tmp_path / "conv.txt"
    lines = gzip.decompress(path.read_bytes()).decode().splitlines(keepends=True)[::40]
    small.write_text("".join(lines))
    table = FORMATS["tinynas-conv"].read(small, Origin(device="V100", precision="int8"))
    assert len(table.rows) == len(lines)
    write_table(tmp_path / "t.jsonl", table)
    assert (tmp_path / "t.jsonl").stat().st_size < 400 * len(lines)
    assert read_table(tmp_path / "t.jsonl").rows == table.rows
