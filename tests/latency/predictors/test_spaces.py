"""Tables of several spaces are one table; a space is found by its modules."""

from __future__ import annotations

from dataclasses import replace

import pytest

from latency import (
    LatencyError,
    Manifest,
    ProfileConfig,
    TableError,
    TableMismatchError,
    choose_space,
    evaluate,
    fit,
    merge_tables,
    predict_archs,
    profile,
    read_tables,
    write_table,
)
from searchspaces import make_space
from tests.latency.oracle import OPTIONS, QUICK, additive_backend, true_latency_ms

WIDER = {**OPTIONS, "input_hw": (64, 96)}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Profiles of one space at two sizes, and of whole detectors of the first."""
    folder = tmp_path_factory.mktemp("tables")
    config = ProfileConfig(protocol=QUICK, replicates=1, detectors=6)
    for name, options in (("square", OPTIONS), ("wide", WIDER)):
        space = make_space("detnas-nano", **options)
        path = folder / f"{name}.jsonl"
        profile(space, additive_backend(), config, path, space_options=options)
    return folder


@pytest.fixture(scope="module")
def predictor(files):
    return fit(read_tables([files / "square.jsonl", files / "wide.jsonl"]))


def test_both_spaces_are_predicted(predictor):
    for options in (OPTIONS, WIDER):
        space, found = choose_space(predictor, "detnas-nano", {"input_hw": options["input_hw"]})
        assert found == {**options, "input_hw": list(options["input_hw"])}
        graph = space.detector(space.decode("01-23-0123-01")).graph()
        assert predictor.predict_ms([graph])[0] == pytest.approx(true_latency_ms(graph), rel=0.02)


def test_one_of_several_has_to_be_named(predictor):
    for name in (None, "detnas-nano"):
        with pytest.raises(LatencyError, match=r"\[64, 64\].* and .*\[64, 96\].*--space"):
            choose_space(predictor, name)
    with pytest.raises(LatencyError, match=r"fitted on detnas-nano .*\[64, 96\]"):
        predict_archs(predictor, ["detnas-nano:01-23-0123-01"])


def test_a_held_out_table_of_one_space_is_evaluated(predictor, tmp_path):
    config = ProfileConfig(protocol=QUICK, replicates=1, detectors=3, modules=False, seed=9)
    space = make_space("detnas-nano", **WIDER)
    held = profile(space, additive_backend(), config, tmp_path / "held.jsonl", space_options=WIDER)
    assert evaluate(predictor, held).scores.n == 3


def test_the_joined_manifest_names_the_spaces(files, tmp_path):
    paths = [files / "square.jsonl", files / "wide.jsonl"]
    merged = merge_tables(paths, tmp_path / "both.jsonl")
    manifest = merged.manifest
    assert [space["input_hw"] for space in manifest.spaces] == [[64, 64], [64, 96]]
    assert manifest.space["name"] == "several"
    assert manifest.space_names == "detnas-nano"
    assert any(note.startswith("joined: ") for note in manifest.notes)
    again = read_tables([tmp_path / "both.jsonl", paths[0]])
    assert again.manifest.spaces == manifest.spaces
    assert set(again.manifest.recipes) == set(manifest.recipes)
    first, second = (read_tables([path]) for path in paths)
    assert len(merged.rows) == len(first.rows) + len(second.rows)
    assert set(first.manifest.recipes) | set(second.manifest.recipes) == set(manifest.recipes)


def test_a_file_twice_or_none_is_refused(files):
    path = files / "square.jsonl"
    with pytest.raises(LatencyError, match="named twice"):
        read_tables([path, files / "wide.jsonl", path])
    with pytest.raises(LatencyError, match="at least one"):
        read_tables([])


def test_other_devices_stay_apart(files, tmp_path):
    table = read_tables([files / "square.jsonl"])
    device = replace(table.device, uuid="other")
    path = write_other(table, replace(table.manifest, device=device), tmp_path)
    with pytest.raises(TableMismatchError, match=r"device\.uuid"):
        read_tables([files / "square.jsonl", path])


def write_other(table, manifest, folder):
    path = folder / "other.jsonl"
    rows = tuple(
        replace(row, measurement=replace(row.measurement, device=manifest.device))
        for row in table.rows
    )
    write_table(path, replace(table, manifest=replace(manifest, sha256=None), rows=rows))
    return path


@pytest.mark.parametrize(
    "spaces", [None, [], "detnas-nano", [{"head": "fpn"}], [3], [{"name": "several"}]]
)
def test_several_spaces_have_to_be_named_in_the_file(files, spaces):
    fields = read_tables([files / "square.jsonl"]).manifest.to_dict()
    fields["space"] = {"name": "several", "spaces": spaces}
    with pytest.raises(TableError, match="space"):
        Manifest.from_dict(fields)


def test_a_space_that_was_not_profiled_is_found_by_its_modules(files):
    predictor = fit(read_tables([files / "square.jsonl"]))
    manifest = replace(predictor.manifest, space={"name": "elsewhere", **OPTIONS})
    renamed = replace(predictor, manifest=manifest)
    space, options = choose_space(renamed, "detnas-nano", {"head": "retinanet"})
    assert options == {"input_hw": [64, 64], "num_classes": 3, "head": "retinanet"}
    assert space.detector(space.decode("00-00-0000-00")).num_classes == 3
    with pytest.raises(LatencyError, match=r"fitted on elsewhere"):
        choose_space(renamed, "detnas-nano", {"head": "fpn"})
