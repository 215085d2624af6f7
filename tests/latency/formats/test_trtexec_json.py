from __future__ import annotations

import json
from dataclasses import replace

import pytest

from latency import FORMATS, LatencyError, Origin, TableError, make_origin
from searchspaces import parse_arch
from tests.latency.oracle import OPTIONS

ARCH = "detnas-nano:00-00-0000-00"


def layer(name, ms, **more):
    return {"name": name, "timeMs": 100 * ms, "averageMs": ms, "percentage": 1.0, **more}


def read(tmp_path, entries, origin):
    path = tmp_path / "profile.json"
    path.write_text(entries if isinstance(entries, str) else json.dumps(entries))
    return FORMATS["trtexec-json"].read(path, origin)


@pytest.fixture
def origin():
    return make_origin("trtexec-json", "V100", arch=ARCH, space_options=OPTIONS)


def test_layers_add_up_to_modules(tmp_path, origin):
    assert origin.engine == "tensorrt"
    space, arch = parse_arch(ARCH, **OPTIONS)
    nodes = {node.name: node.spec for node in space.detector(arch).graph().nodes}
    stem, block = list(nodes)[:2]
    entries = [
        {"count": 100},
        layer(f"/{block}/branch/0/Conv + /{block}/branch/2/Relu", 0.5, medianMs=0.25),
        layer(f"PWN(/{block}/branch/Sigmoid)", 0.5),
        layer(f"/{stem}/conv/Conv", 1.0),
        layer(f"/{stem}/x/Conv + /{block}/x/Conv", 0.125),
        layer("Reformatting CopyNode for Input Tensor 0 to Conv_8", 0),
    ]
    table = read(tmp_path, entries, origin)
    assert table[nodes[block]].raw_ms == (0.75,)
    assert table[nodes[stem]].raw_ms == (1.0,)
    assert len(table.rows) == 2
    (note,) = [note for note in table.manifest.notes if "no single module" in note]
    assert note.startswith("2 layers (6.7% of the time)")
    assert "Reformatting CopyNode" in note


def test_layers_whose_names_say_nothing_are_looked_up(tmp_path, origin):
    stem, block = [node.name for node in origin.graph.nodes][:2]
    entries = [
        {"count": 1},
        layer("__myl_Conv_myl0_1", 0.5),
        layer("__myl_ConvConv_myl0_2", 0.25),
        layer(f"/{block}/branch/0/Conv", 1.0),
    ]
    path = tmp_path / "layers.json"
    told = [
        {"Name": entries[1]["name"], "Metadata": f"[ONNX Layer: /{stem}/conv/Conv]"},
        {
            "Name": entries[2]["name"],
            "Metadata": f"[ONNX Layer: /{stem}/x/Conv]\x1e[ONNX Layer: /{block}/x/Conv]",
        },
        entries[3]["name"],
    ]
    path.write_text(json.dumps({"Layers": told, "Bindings": []}))
    nodes = {node.name: node.spec for node in origin.graph.nodes}
    assert nodes[stem] not in read(tmp_path, entries, origin)
    table = read(tmp_path, entries, replace(origin, layers=path))
    assert table[nodes[stem]].raw_ms == (0.5,)
    assert table[nodes[block]].raw_ms == (1.0,)
    (note,) = [note for note in table.manifest.notes if "no single module" in note]
    assert note.startswith("1 layers (14.3% of the time)")


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("{", "layers.json, line 1: this is no JSON"),
        ("[]", "layers.json, Layers: this must be a list"),
        ('{"Layers": 3}', "exportLayerInfo"),
        ('{"Layers": [{"Name": "a", "Metadata": 3}]}', "exportLayerInfo"),
        ('{"Layers": [3]}', "exportLayerInfo"),
    ],
)
def test_a_wrong_file_of_layers_is_refused(tmp_path, origin, text, match):
    path = tmp_path / "layers.json"
    path.write_text(text)
    with pytest.raises(TableError, match=match):
        read(tmp_path, [{"count": 1}], replace(origin, layers=path))


def test_nodes_of_no_architecture_are_refused(tmp_path):
    with pytest.raises(LatencyError, match="name that by --arch"):
        make_origin("trtexec-json", "V100", layers=tmp_path / "layers.json")


def test_equal_blocks_are_replicates(tmp_path, origin):
    names = [node.name for node in origin.graph.nodes]
    entries = [{"count": 1}, *(layer(f"/{name}/Conv", 1.0) for name in names)]
    table = read(tmp_path, entries, origin)
    assert len(table.rows) == len(names)
    assert set(table) == set(origin.graph.counts())


def test_without_an_architecture_layers_are_kept_as_notes(tmp_path):
    entries = [{"count": 1}, *(layer(f"/b{i}/Conv", 1.0) for i in range(30))]
    table = read(tmp_path, entries, Origin(device="V100"))
    assert not table.rows
    (note,) = [note for note in table.manifest.notes if "no single module" in note]
    assert "30 layers (100.0% of the time)" in note
    assert note.endswith("and 10 more")


def test_equal_layers_of_no_module_count_each(tmp_path):
    entries = [{"count": 1}, *[layer("Reformatting CopyNode", 0.5)] * 3]
    table = read(tmp_path, entries, Origin(device="V100"))
    (note,) = [note for note in table.manifest.notes if "no single module" in note]
    assert note.startswith("3 layers (100.0% of the time)")


def test_there_and_back(run_profile, tmp_path):
    table = run_profile(detectors=1, isolated=True)
    path = tmp_path / "out.json"
    lost = FORMATS["trtexec-json"].write(table, path)
    assert "samples and intervals: mean and median of each module" in lost
    entries = json.loads(path.read_text())
    assert entries[0] == {"count": max(len(m.raw_ms) for m in table.values())}
    assert sum(entry["percentage"] for entry in entries[1:]) == pytest.approx(100)
    again = FORMATS["trtexec-json"].read(path, Origin(device="V100"))
    assert {s: m.median_ms for s, m in again.items()} == {s: m.median_ms for s, m in table.items()}


@pytest.mark.parametrize(
    ("entries", "match"),
    [
        ("", "line 1: this is no JSON"),
        ('[{"count": 1},\n{"name"', "line 2: this is no JSON"),
        ("{}", "entry 1: count is missing"),
        ("[]", "entry 1: count is missing"),
        ([layer("a", 1.0)], "entry 1: count is missing"),
        ([{"count": 1}, 3], "entry 2: name must be a text"),
        ([{"count": 1}, {"averageMs": 1}], "entry 2: name must be a text"),
        ([{"count": 1}, {"name": "a"}], "entry 2: it lacks the field medianMs or averageMs"),
        ([{"count": 1}, layer("a", -1.0)], "entry 2: averageMs must be a finite number above 0"),
        ([{"count": 1}, layer("a", 1.0, medianMs="x")], "entry 2: medianMs must be"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_a_wrong_file_is_refused_by_entry_and_field(tmp_path, entries, match):
    with pytest.raises(TableError, match=match):
        read(tmp_path, entries, Origin(device="V100"))
