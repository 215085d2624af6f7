"""Every command of docs/tensorrt.md is one that detfit takes; nothing there is said measured."""

import itertools
import re
from pathlib import Path

import pytest

from engines.tensorrt.options import OPTIONS
from export.check.versions import parse_release
from searchspaces import parse_arch
from tests.docs import check_command, commands_of

DOC = Path(__file__).parent.parent / "docs" / "tensorrt.md"
TEXT = DOC.read_text(encoding="utf-8")


def test_the_recipe_is_whole() -> None:
    names = {words[0] for words in commands_of(TEXT)}
    assert names >= {"doctor", "profile", "fit", "search", "export", "verify", "detect", "check"}


@pytest.mark.parametrize("words", commands_of(TEXT), ids=" ".join)
def test_every_option_exists(words: list[str]) -> None:
    check_command(words)


@pytest.mark.parametrize("words", commands_of(TEXT), ids=" ".join)
def test_what_is_given_is_taken(words: list[str]) -> None:
    given = dict(itertools.pairwise(words))
    options = [b for a, b in itertools.pairwise(words) if a == "--engine-option"]
    for name, _, value in (option.partition("=") for option in options):
        assert name in OPTIONS
        if "SHA256" not in value:
            OPTIONS[name].parse(value)
    if "--engine" in given:
        assert given["--engine"] == "tensorrt"
        assert given["--device"] == "cuda:0"
    if words[0] == "check":
        parse_release(given["--tensorrt"])
    for word in words:
        if word.startswith("zoo:"):
            parse_arch(word)


def test_inline_options_exist() -> None:
    named = re.findall(r"--engine-option (\w+)=", TEXT)
    assert set(named) <= set(OPTIONS)
    assert len(set(named)) >= 4


def test_it_says_that_nothing_was_measured() -> None:
    assert TEXT.split("\n\n")[1].startswith("**Not measured.**")
    assert not re.search(r"\bwe (measured|ran)\b", TEXT)


def test_every_source_is_listed_and_used() -> None:
    body, listed = TEXT.split("## Sources")
    numbers = set(re.findall(r"^(\d+)\. ", listed, flags=re.MULTILINE))
    cited = {n for group in re.findall(r"\[(\d+(?:, \d+)*)\]", body) for n in group.split(", ")}
    assert cited == numbers
