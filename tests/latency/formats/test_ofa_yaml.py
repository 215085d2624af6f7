from __future__ import annotations

import statistics

import pytest
import yaml

from latency import FORMATS, Origin, TableError
from latency.formats.ofa_yaml import block_key, block_of_key
from searchspaces import ModuleSpec, TensorSpec, outputs_of

ORIGIN = Origin(device="cpu/Pixel 1/4")
BLOCK = "expanded_conv-input:112x112x16-output:56x56x24-expand:6-kernel:3-stride:2-idskip:0"
TABLE = f"""\
Conv-input:224x224x3-output:112x112x16: {{count: 100, mean: 2.5, var: 0.01}}
{BLOCK}:
  count: 100
  mean: 1.25
  var: 0.01
{BLOCK}-se:0-hs:1: {{count: 1, mean: 1.5}}
{BLOCK.replace("kernel:3", "kernel:5")}-se:0-hs:0: {{mean: 3, std: 0}}
"""


def read(tmp_path, text, origin=ORIGIN):
    path = tmp_path / "t.yaml"
    path.write_text(text)
    return FORMATS["ofa-yaml"].read(path, origin)


def test_what_has_a_module_is_read_and_the_rest_named(tmp_path):
    table = read(tmp_path, TABLE)
    ((spec, measurement),) = table.items()
    assert spec.kind == "inverted_residual"
    assert spec.get_int("hidden_channels") == 96
    assert outputs_of(spec)[0].shape == (1, 24, 56, 56)
    assert measurement.raw_ms == (1.25,)
    assert not measurement.converged
    (note,) = [note for note in table.manifest.notes if "have no module here" in note]
    assert note.startswith("3 entries")
    assert "Conv-input:224x224x3-output:112x112x16 2.5 ms" in note


@pytest.mark.parametrize(("expand", "hidden"), [(1, 16), (3, 48), (6, 96), (16, 16), (96, 96)])
def test_expand_is_a_ratio_or_a_width(expand, hidden):
    spec = block_of_key(BLOCK.replace("expand:6", f"expand:{expand}"), "fp32")
    assert spec is not None
    assert spec.get_int("hidden_channels") == hidden
    assert block_of_key(block_key(spec), "fp32") == spec


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("idskip:0", "idskip:1"),
        ("stride:2", "stride:3"),
        ("56x56x24", "55x56x24"),
        ("kernel:3", "kernel:7"),
        ("expand:6", "expand:0"),
        ("112x112x16", "0x112x16"),
        ("expanded_conv", "Conv"),
    ],
)
def test_keys_without_a_module(old, new):
    assert block_of_key(BLOCK.replace(old, new, 1), "fp32") is None


def test_there_and_back(run_profile, tmp_path):
    table = run_profile(detectors=1, isolated=True)
    path = tmp_path / "out.yaml"
    lost = FORMATS["ofa-yaml"].write(table, path)
    assert f"{len(table)} modules have no key of Once-for-All and stand by detfit's own" in lost
    stored = yaml.safe_load(path.read_text())
    spec = next(iter(table))
    samples = table[spec].raw_ms
    assert stored[spec.key] == {
        "count": len(samples),
        "mean": statistics.fmean(samples),
        "std": pytest.approx(statistics.stdev(samples)),
    }
    again = FORMATS["ofa-yaml"].read(path, ORIGIN)
    assert {s: m.median_ms for s, m in again.items()} == pytest.approx(
        {s: statistics.fmean(m.raw_ms) for s, m in table.items()}
    )


def test_blocks_are_written_with_their_own_key(tmp_path):
    table = read(tmp_path, TABLE)
    FORMATS["ofa-yaml"].write(table, tmp_path / "out.yaml")
    assert list(yaml.safe_load((tmp_path / "out.yaml").read_text())) == [f"{BLOCK}-se:0-hs:0"]
    assert FORMATS["ofa-yaml"].read(tmp_path / "out.yaml", ORIGIN).rows == table.rows


def test_an_empty_table(tmp_path):
    table = read(tmp_path, "{}")
    assert not table.rows
    FORMATS["ofa-yaml"].write(table, tmp_path / "out.yaml")
    assert (tmp_path / "out.yaml").read_text() == "{}\n"


def test_other_blocks_have_no_key():
    x = TensorSpec((2, 16, 8, 8))
    params = {
        "in_channels": 16,
        "hidden_channels": 96,
        "out_channels": 16,
        "stride": 1,
        "dilation": 1,
        "norm": "bn",
    }
    assert block_key(ModuleSpec.of("inverted_residual", [x], batch=2, **params)) is None
    one = [TensorSpec((1, 16, 8, 8))]
    assert block_key(ModuleSpec.of("inverted_residual", one, **params)) is not None
    for change in ({"dilation": 2}, {"norm": "gn"}, {"hidden_channels": 8}):
        assert block_key(ModuleSpec.of("inverted_residual", one, **params | change)) is None


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", " is empty"),
        ("- 1\n", ", line 1: this must be a mapping"),
        ("a: [1\n", r", line \d: this is no YAML"),
        ("a: 1\n", ", line 1: this must be a mapping such as"),
        ("a: {mean: 1}\nb: {count: 1}\n", ", line 2, b: mean is missing"),
        ("a: {mean: 1, median: 1}\n", ", line 1, a: there is no field median"),
        ("a:\n  mean: fast\n", ", line 1, a: mean must be .*, got 'fast'"),
        ("a: {mean: -1}\n", ", line 1, a: mean must be a finite number above 0"),
        ("a: {mean: 1, count: -1}\n", ", line 1, a: count must be"),
        ("a: {mean: 1, var: x}\n", ", line 1, a: var must be"),
        ("a: {mean: [1]}\n", ", line 1: mean of a must be one number"),
        ("a: {mean: 1, mean: 2}\n", ", line 1: mean of a must be one number"),
        ("a: {mean: 1}\na: {mean: 2}\n", r", line 2: repeats line 1 \(a\)"),
        ("? [1]\n: {mean: 1}\n", ", line 1: a key must be a text"),
        ("a: !!python/object/apply:os.system [ls]\n", ", line 1: this must be a mapping"),
    ],
)
def test_a_wrong_file_is_refused_by_line_and_field(tmp_path, text, match):
    with pytest.raises(TableError, match=f"t.yaml{match}"):
        read(tmp_path, text)


def test_aliases_do_not_grow(tmp_path):
    bomb = "a: &a {mean: 1}\n" + "".join(f"k{i}: *a\n" for i in range(500))
    assert not read(tmp_path, bomb).rows
