"""Tables of known results: what is read, and which line is wrong."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from search import EvaluationError, TableError, TableEvaluator
from search.spaces.digits import DigitSpace
from searchspaces import Architecture

SPACE = DigitSpace(3, 2)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.json", '{"000": {"ap": 30.5, "ms": 2}, "010": {"ap": null, "ms": 3}}'),
        ("t.jsonl", '{"arch": "000", "ap": 30.5, "ms": 2}\n\n{"arch":"010","ap":NaN,"ms":3}\n'),
        ("t.csv", "arch,ap,ms\n000,30.5,2\n010,,3\n"),
        ("t.csv", "\ufeffms,arch,ap\r\n2,000,30.5\r\n3,010,nan\r\n"),
    ],
)
def test_all_formats_say_the_same(tmp_path: Path, name: str, text: str) -> None:
    table = TableEvaluator.from_file(write(tmp_path, name, text), SPACE)
    assert len(table) == 2
    assert table.evaluate(SPACE.decode("000")) == {"ap": 30.5, "ms": 2.0}
    failed = table.evaluate(SPACE.decode("010"))
    assert math.isnan(failed["ap"])
    assert failed["ms"] == 3.0


def test_missing_architecture_is_a_failed_evaluation(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "arch,ap\n000,1\n")
    with pytest.raises(EvaluationError, match="the table of 1 results does not hold 111"):
        TableEvaluator.from_file(path, SPACE).evaluate(SPACE.decode("111"))


def test_columns_choose_and_rename(tmp_path: Path) -> None:
    text = '{"000": {"test_acc": [1, 2], "mean_acc": 90.5}}'
    table = TableEvaluator.from_file(write(tmp_path, "t.json", text), SPACE, {"ap": "mean_acc"})
    assert table.evaluate(SPACE.decode("000")) == {"ap": 90.5}


def test_codes_are_brought_to_canonical_form(tmp_path: Path) -> None:
    class Mirror(DigitSpace):
        def canonical(self, arch: Architecture) -> Architecture:
            genes = tuple(map(int, arch.genes))
            return Architecture(self.name, min(genes, genes[::-1]))

    space = Mirror(3, 2)
    table = TableEvaluator.from_file(write(tmp_path, "t.csv", "arch,ap\n100,1\n"), space)
    assert table.evaluate(space.decode("001")) == {"ap": 1.0}
    assert table.evaluate(space.decode("100")) == {"ap": 1.0}
    twice = write(tmp_path, "u.csv", "arch,ap\n100,1\n001,2\n")
    with pytest.raises(TableError, match=r"u.csv, line 3: 001 stands already in .*line 2"):
        TableEvaluator.from_file(twice, space)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.json", '{"000":\n {"ap": 1,}}', "t.json, line 2: not JSON"),
        ("t.json", "[1]", "one object {code: {name: value}}"),
        ("t.json", '{"000": 5}', "entry '000': must be an object"),
        ("t.json", '{"000": {"ap": 1}, "000": {"ap": 2}}', "'000' stands twice"),
        ("t.json", '{"000": {"ap": "high"}}', "entry '000': 'ap' must be a number, got 'high'"),
        ("t.json", '{"000": {"ap": true}}', "must be a number, got True"),
        ("t.json", '{"000": {"ap": [1]}}', r"must be a number, got \[1\]"),
        ("t.json", '{"002": {"ap": 1}}', "entry '002': '002' is not 3 digits below 2"),
        ("t.json", "{}", "holds no results"),
        ("t.jsonl", '{"arch": "000", "ap": 1}\n{"arch": "001", ', "t.jsonl, line 2: not JSON"),
        ("t.jsonl", '{"ap": 1}', "line 1: 'arch' must be an architecture's code, got None"),
        ("t.jsonl", '{"arch": 0, "ap": 1}', "line 1: 'arch' must be"),
        ("t.jsonl", "7", "line 1: must be an object"),
        ("t.csv", "code,ap\n000,1\n", "line 1: needs different names, one of them 'arch'"),
        ("t.csv", "arch,ap,ap\n000,1,1\n", "line 1: needs different names"),
        ("t.csv", "arch,ap\n000,1\n001\n", "line 3: must have 2 cells"),
        ("t.csv", "arch,ap\n000,1,2\n", "line 2: must have 2 cells"),
        ("t.csv", "arch,ap\n000,1\n001,x\n", "line 3: 'ap' must be a number, got 'x'"),
        ("t.csv", 'arch,ap\n000,"1', "after line 1: unexpected end of data"),
        ("t.csv", "", "line 1"),
        ("t.txt", "", "ends in .json, .jsonl, .csv, not '.txt'"),
    ],
)
def test_malformed_tables_are_refused_by_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    with pytest.raises(TableError, match=message) as caught:
        TableEvaluator.from_file(write(tmp_path, name, text), SPACE)
    assert "\n" not in str(caught.value)


def test_missing_column_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", "arch,ap\n000,1\n")
    with pytest.raises(TableError, match="line 2: no column 'acc'; there are ap"):
        TableEvaluator.from_file(path, SPACE, {"ap": "acc"})


def test_unreadable_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="cannot be read"):
        TableEvaluator.from_file(tmp_path / "none.json", SPACE)
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(TableError, match="cannot be read"):
        TableEvaluator.from_file(tmp_path / "bytes.json", SPACE)


@given(st.text(max_size=60), st.sampled_from([".json", ".jsonl", ".csv"]))
def test_any_text_is_a_table_or_a_table_error(
    tmp_path_factory: pytest.TempPathFactory, text: str, suffix: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any{suffix}"
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.raises(TableError):
        TableEvaluator.from_file(path, SPACE)


@given(
    st.dictionaries(
        st.sampled_from(sorted(map(SPACE.encode, SPACE.enumerate()))),
        st.floats(allow_nan=False, allow_infinity=False),
        min_size=1,
    )
)
def test_numbers_survive_the_file(
    tmp_path_factory: pytest.TempPathFactory, known: dict[str, float]
) -> None:
    path = tmp_path_factory.getbasetemp() / "round.jsonl"
    lines = [json.dumps({"arch": code, "ap": ap}) for code, ap in known.items()]
    path.write_text("\n".join(lines), encoding="utf-8")
    table = TableEvaluator.from_file(path, SPACE)
    assert {c: table.evaluate(SPACE.decode(c))["ap"] for c in known} == known
