"""Where a front came from."""

import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from export import report_html, run_report, search_front
from export.report.chart_layout import Figure
from export.report.family import Family, family_figure, family_html, family_of
from search import CallableEvaluator, Objective, SearchResult, load_result, run_search
from searchspaces import Architecture, make_space

OPTIONS = {"head": "retinanet", "input_hw": (64, 64), "num_classes": 3}


def size_ms(arch: Architecture) -> float:
    return 1.0 + sum(int(gene) for gene in arch.genes)


def fitness(arch: Architecture) -> float:
    return 50.0 + sum(place * int(gene) for place, gene in enumerate(arch.genes)) / 4


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> SearchResult:
    return run_search(
        make_space("detnas-nano", **OPTIONS),
        "nsga2",
        CallableEvaluator(fitness, "ap50"),
        (Objective("latency_ms", "min", "ms", known=size_ms), Objective("ap50", "max", "AP")),
        evals=60,
        out_dir=tmp_path_factory.mktemp("run"),
        seed=3,
        options={"population": 10},
        space_options=OPTIONS,
    )


@pytest.fixture(scope="module")
def family(run: SearchResult) -> Family:
    found = family_of(run, search_front(run), (0, 1))
    assert found is not None
    return found


def test_it_holds_the_front_and_all_that_it_descends_from(
    run: SearchResult, family: Family
) -> None:
    front = {mark.label for mark in search_front(run).marks if not mark.dominated}
    assert {each.code for each in family.relatives if each.on_front} == front
    births = {e.code: e.birth for e in run.history}
    place = {each.code: n for n, each in enumerate(family.relatives)}
    generation = {each.code: each.generation for each in family.relatives}
    for each in family.relatives:
        birth = births[each.code]
        assert birth is not None
        assert (each.how, each.parents) == (birth.how, birth.parents)
        assert all(place[parent] < place[each.code] for parent in each.parents)
        assert each.generation == 1 + max((generation[p] for p in each.parents), default=-1)
    ancestors = {parent for each in family.relatives for parent in each.parents}
    assert place.keys() == front | ancestors
    assert max(generation.values()) >= 2


def test_what_changed_is_told_from_the_nearest_parent(family: Family) -> None:
    space, told = make_space("detnas-nano", **OPTIONS), 0
    for each in family.relatives:
        genes = space.decode(each.code).genes
        differing = [
            sum(a != b for a, b in zip(space.decode(parent).genes, genes, strict=True))
            for parent in each.parents
        ]
        if not differing:
            assert each.changed == ""
        elif min(differing) > 3:
            assert each.changed == f"{min(differing)} of {len(genes)} genes"
        else:
            assert each.changed.count("gene ") == min(differing)
            told += 1
    assert told


def lines(figure: Figure) -> list[tuple[float, float]]:
    (trace,) = [trace for trace in figure["data"] if trace["mode"] == "lines"]
    assert trace["x"].count(None) * 3 == len(trace["x"])
    return list(zip(trace["x"], trace["y"], strict=True))


def test_a_line_leads_from_every_parent_to_its_child(family: Family) -> None:
    figure = family_figure(family)
    steps = sum(len(each.parents) for each in family.relatives)
    assert len(lines(figure)) == 3 * steps
    place = {each.code: (each.cost, each.accuracy) for each in family.relatives}
    assert set(lines(figure)) - {(None, None)} <= set(place.values())


def test_the_page_shows_it(run: SearchResult, family: Family) -> None:
    page = report_html(run_report(run))
    assert "Where the front came from" in page
    assert 'id="family-chart"' in page
    assert page.count("crossed and mutated") >= 1
    assert "the longest line over" in family_html(family, "")


def test_a_long_family_is_cut_and_says_so(family: Family, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.report.family.MOST_ROWS", 5)
    text = family_html(family, "")
    assert f"The table leaves out the first {len(family.relatives) - 5}." in text
    assert text.count("<tr>") == 6


def test_a_run_of_an_earlier_version_has_none(run: SearchResult, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(run.folder, tmp_path / "run"))
    with closing(sqlite3.connect(folder / "journal.sqlite")) as connection, connection:
        connection.execute("DROP TABLE lineage")
    old = load_result(folder)
    assert family_of(old, search_front(old), (0, 1)) is None
    assert "Where the front came from</h2>" not in report_html(run_report(old))


def test_another_number_of_genes_is_said(run: SearchResult) -> None:
    child = next(e for e in run.history if e.birth is not None and e.birth.parents)
    assert child.birth is not None
    parent = next(e for e in run.history if e.code == child.birth.parents[0])
    shorter = replace(parent.architecture, genes=parent.architecture.genes[:-1])
    birth = replace(child.birth, parents=(parent.code,))
    history = tuple(
        replace(e, architecture=shorter) if e is parent
        else replace(e, birth=birth) if e is child
        else e
        for e in run.history
    )  # fmt: skip
    changed = replace(run, history=history)
    marks = search_front(run).marks
    front = replace(
        search_front(run),
        marks=tuple(replace(m, dominated=m.label != child.code) for m in marks),
    )
    found = family_of(changed, front, (0, 1))
    assert found is not None
    assert found.relatives[-1].changed == "another number of genes"
