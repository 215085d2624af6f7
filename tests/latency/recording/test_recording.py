"""Recorded inputs are what a detector gives its modules when it looks at images."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest
import torch
from PIL import Image

from detection import GraphModel, WeightsInfo, example_images, save_weights
from latency import (
    CHAIN,
    DETECTOR,
    ProfileConfig,
    Recording,
    RecordingError,
    TableError,
    Workload,
    WorkloadModel,
    profile,
    read_recording,
    record,
    recording_path,
    write_recording,
)
from searchspaces import chain, make_space
from tests.detection.variants import VARIANTS
from tests.latency.oracle import QUICK, additive_backend

OPTIONS = {"head": "fpn", "input_hw": (64, 64), "num_classes": 3}
CODE = "0123012301"


@pytest.fixture(autouse=True)
def _one_thread():
    torch.set_num_threads(1)


def detector(code=CODE, batch=1, **options):
    space = make_space("detnas-nano", **(OPTIONS | options))
    return space.detector(space.decode(code)).graph(batch)


def tail(graph, until):
    names = [node.name for node in graph.nodes if node.part != "backbone"]
    return graph.subgraph(names[: names.index(until) + 1])


def model(role, graph, recording):
    return WorkloadModel(Workload(role, "w", graph), 0, recording)


def outputs(made, inputs):
    with torch.no_grad():
        given = [torch.from_numpy(array) for array in inputs.values()]
        return [t.numpy() for t in made.torch_module()(*given)]


def test_a_whole_detector_looks_at_the_images():
    graph = detector(batch=2)
    sets = model(DETECTOR, graph, record([graph], sets=3)).input_sets()
    assert [each["image"].shape for each in sets] == [(2, 3, 64, 64)] * 3
    assert all(each["image"].dtype == np.float32 for each in sets)
    for image in np.concatenate([each["image"] for each in sets]):
        assert float(image.mean()) == pytest.approx(0, abs=1e-5)
        assert float(image.std()) == pytest.approx(1, abs=1e-5)
    assert not np.array_equal(sets[0]["image"], sets[1]["image"])


def test_a_tail_goes_on_as_the_whole_detector_does():
    graph = detector()
    recording = record([graph], sets=2)
    whole, part = (
        model(DETECTOR, graph, recording),
        model(CHAIN, tail(graph, "proposals"), recording),
    )
    with torch.no_grad():
        for image, given in zip(whole.input_sets(), part.input_sets(), strict=True):
            module = GraphModel(graph, 0).unspread_module()
            refs = ("proposals", "proposals:1")
            boxes, count = module.run({"image": torch.from_numpy(image["image"])}, refs)
            made = dict(zip(part._model.output_names, outputs(part, given), strict=True))
            np.testing.assert_allclose(made["proposals"], boxes.numpy(), atol=1e-3)
            assert made["proposals_1"].tolist() == count.tolist()


def test_final_detections_of_a_tail_are_the_whole_detectors():
    graph = detector()
    recording = record([graph], sets=3)
    found = []
    for role, part in ((CHAIN, tail(graph, "detections")), (DETECTOR, graph)):
        made = model(role, part, recording)
        module = made.torch_module()
        with torch.no_grad():
            found.append([module(*map(torch.from_numpy, i.values())) for i in made.input_sets()])
    for of_chain, of_detector in zip(*found, strict=True):
        for a, b in zip(of_chain, of_detector, strict=True):
            np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-3)
    assert sorted(int(each[3]) for each in found[0])[1] > 5


@pytest.mark.parametrize("name", ["cascade3", "ga_rpn", "c4_mask", "retinanet", "cascade_mask"])
def test_every_module_and_tail_of_every_family_runs_on_recorded_inputs(name):
    graph = VARIANTS[name].graph()
    recording = record([graph], sets=1)
    behind = [n.name for n in graph.nodes if n.part != "backbone"]
    alone = [chain([n.spec]) for n in graph.nodes if n.name in behind]
    for part in (*alone, graph.subgraph(behind)):
        made = model(CHAIN, part, recording)
        inputs = made.input_sets()[0]
        assert [(k, v.shape, str(v.dtype)) for k, v in inputs.items()] == [
            (k, t.shape, t.dtype) for k, t in part.inputs
        ]
        if part in alone:
            recorded = recording.input_sets(part)
            assert not recorded or recorded[0].keys() == inputs.keys()
        assert all(np.isfinite(a).all() for a in outputs(made, inputs) if a.dtype.kind == "f")


def test_modules_that_do_not_depend_on_data_and_unknown_ones_are_given_one_drawn_set():
    graph = detector()
    recording = record([graph])
    for part in (graph.subgraph(["rpn_head"]), tail(detector(input_hw=(96, 96)), "proposals")):
        assert recording.input_sets(part) == ()
        (given,) = model(CHAIN, part, recording).input_sets()
        assert list(given) == [name for name, _ in part.inputs]


def test_the_cheapest_detector_runs_once_for_chains_that_start_alike(monkeypatch):
    graphs = [detector("3333333333"), detector("0000000000")]
    recording = record(graphs, sets=1)
    first = recording.input_sets(tail(graphs[0], "proposals"))
    again = recording.input_sets(tail(graphs[0], "box_head"))
    assert all(a is b for a, b in zip(first[0].values(), again[0].values(), strict=True))
    monkeypatch.setattr("latency.recording.recording.MEMORY_BYTES", 0)
    recording.input_sets(chain([graphs[0].nodes[-1].spec]))
    assert len(recording._made) == 1


def test_seeds_draw_images_and_weights():
    graph = detector()
    (a,), (b,), (c,) = (
        record([graph], seed=seed, sets=1).input_sets(tail(graph, "proposals"))
        for seed in (0, 0, 1)
    )
    assert all(np.array_equal(a[name], b[name]) for name in a)
    assert not any(np.array_equal(a[name], c[name]) for name in a)


def test_a_file_gives_the_same_inputs_and_is_checked(tmp_path):
    graph = detector()
    made = record([graph], sets=2)
    path = recording_path(tmp_path / "t.jsonl")
    assert path.name == "t.inputs.npz"
    digest = write_recording(made, path)
    assert write_recording(made, path) == digest
    read = read_recording(path, [graph], sha256=digest)
    assert read.origin == made.origin
    part = tail(graph, "detections")
    for a, b in zip(made.input_sets(part), read.input_sets(part), strict=True):
        assert all(np.array_equal(a[name], b[name]) for name in a)
    with pytest.raises(RecordingError, match="its hash differs"):
        read_recording(path, [graph], sha256="0" * 64)
    with pytest.raises(RecordingError, match="does not fit a detector"):
        read_recording(path, [detector(batch=2)])
    with pytest.raises(RecordingError, match="no such recording"):
        read_recording(tmp_path / "other.npz", [graph])
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(RecordingError, match="damaged"):
        read_recording(path, [graph])


def test_trained_weights_are_taken_as_they_are(tmp_path):
    graph, other = detector(), detector("0" * 10)
    trained = GraphModel(graph, seed=7).torch_module()
    path = tmp_path / "weights.safetensors"
    info = WeightsInfo("detnas-nano", 3, CODE, {"head": "fpn", "input_hw": [64, 64]})
    save_weights(path, trained, info)
    recording = record([other], sets=1, weights=path)
    part = tail(other, "detections")  # of equal modules: given the trained detector's maps
    chained = model(CHAIN, part, recording)
    image = example_images((64, 64), 1).astype(np.float16).astype(np.float32)
    with torch.no_grad():
        expected = trained(torch.from_numpy(image))
    for a, b in zip(outputs(chained, chained.example_inputs()), expected, strict=True):
        np.testing.assert_allclose(a, b.numpy(), atol=1e-4)
    drawn = model(DETECTOR, other, recording)
    assert not torch.equal(
        drawn.torch_module().state_dict()["nodes.box_head.classes.weight"],
        trained.state_dict()["nodes.box_head.classes.weight"],
    )
    written = tmp_path / "t.inputs.npz"
    write_recording(recording, written)
    with pytest.raises(RecordingError, match="was recorded with weights"):
        read_recording(written, [other])
    assert read_recording(written, [other], weights=path).weights_of(part) == path
    save_weights(path, trained, dataclasses.replace(info, architecture=None))
    with pytest.raises(RecordingError, match="a supernet's weights"):
        record([other], weights=path)


def test_wrong_arguments_are_refused():
    graph = detector()
    with pytest.raises(RecordingError, match="at least one detector"):
        record([])
    with pytest.raises(RecordingError, match="sets must be an int >= 1"):
        record([graph], sets=0)
    with pytest.raises(RecordingError, match="does not fit a detector"):
        record([graph, detector(batch=2)])
    assert isinstance(record([graph]), Recording)


def test_a_profile_records_and_goes_on_with_what_it_recorded(tmp_path):
    space = make_space("detnas-nano", **OPTIONS)
    config = ProfileConfig(protocol=QUICK, replicates=1, detectors=2, exploratory=True)
    path = tmp_path / "t.jsonl"

    def run(changes=(), resume=False):
        changed = dataclasses.replace(config, **dict(changes))
        return profile(
            space, additive_backend(), changed, path, space_options=OPTIONS, resume=resume
        )

    table = run()
    inputs = {row.workload.label: row.measurement.inputs for row in table.rows}
    assert inputs["tail up to proposals"] == inputs["tail up to detections"] == 4
    assert inputs["tail up to neck"] == 1
    assert {row.measurement.inputs for row in table.rows if row.workload.role == DETECTOR} == {4}
    recorded = recording_path(path)
    assert hashlib.sha256(recorded.read_bytes()).hexdigest() == table.manifest.inputs
    assert table.manifest.notes == ("inputs: 4 sets of 1 recorded from generated scenes",)
    content = recorded.read_bytes()
    recorded.unlink()
    assert len(run(resume=True).rows) == len(table.rows)
    assert recorded.read_bytes() == content
    recorded.unlink()
    with pytest.raises(RecordingError, match="differs from what the table was measured on"):
        run({"input_sets": 3}, resume=True)
    with pytest.raises(TableError, match="exists"):
        run()
    path.unlink()
    noise = run({"input_sets": 0})
    assert noise.manifest.inputs is None
    assert {row.measurement.inputs for row in noise.rows} == {1}
    assert not recorded.exists()


def test_a_profile_goes_on_with_the_inputs_it_began_with_or_not_at_all(tmp_path):
    space = make_space("detnas-nano", **OPTIONS)
    config = ProfileConfig(protocol=QUICK, replicates=1, detectors=1, exploratory=True)

    def run(name, resume=False, **changes):
        changed = dataclasses.replace(config, **changes)
        return profile(
            space,
            additive_backend(),
            changed,
            tmp_path / name,
            space_options=OPTIONS,
            resume=resume,
        )

    (tmp_path / "street").mkdir()
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (40, 60, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / "street" / f"{number}.png")
    for name, began, other, message in (
        ("a.jsonl", {}, {"input_sets": 3}, "go on with --input-sets 4"),
        (
            "a.jsonl",
            {},
            {"images": tmp_path / "street"},
            "asked for are 4 from street; go on with",
        ),
        ("b.jsonl", {"images": tmp_path / "street"}, {}, "with --images street --input-sets 4"),
        ("c.jsonl", {"input_sets": 0}, {}, "was measured on noise; go on with --input-sets 0"),
        ("a.jsonl", {}, {"input_sets": 0}, "on recorded inputs; go on without --input-sets 0"),
    ):
        if not (tmp_path / name).exists():
            run(name, **began)
        before = {path: path.read_bytes() for path in tmp_path.glob("*.*")}
        with pytest.raises((RecordingError, TableError), match=message):
            run(name, resume=True, **other)
        assert {path: path.read_bytes() for path in tmp_path.glob("*.*")} == before
        assert run(name, resume=True, **began).rows
