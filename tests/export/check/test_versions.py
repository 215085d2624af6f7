import pytest

from export import CheckError
from export.check import RELEASES, Span, Target, parse_target
from export.check.versions import parse_release, release_text


@pytest.mark.parametrize(
    ("text", "release"),
    [("8.6", (8, 6)), ("8.6.1", (8, 6)), (" 10.11.0.33 ", (10, 11)), ("11.1", (11, 1))],
)
def test_release_is_read(text: str, release: tuple[int, int]) -> None:
    assert parse_release(text) == release
    assert parse_target(text) == Target(release)


@pytest.mark.parametrize(("text", "release"), [("11", (11, 1)), ("11.x", (11, 1)), ("8", (8, 6))])
def test_major_alone_means_its_newest(text: str, release: tuple[int, int]) -> None:
    target = parse_target(text)
    assert target.release == release
    assert release_text(release) in target.note


@pytest.mark.parametrize("text", ["11.4", "10.99"])
def test_newer_than_the_rules_says_so(text: str) -> None:
    target = parse_target(text)
    assert target.release in RELEASES
    assert text in target.note


@pytest.mark.parametrize(
    "text", ["7.2", "8.2", "8.7", "12", "x", "", "8.", "-1.0", "10,4", "9" * 99]
)
def test_unknown_release_is_refused_with_the_known_ones(text: str) -> None:
    with pytest.raises(CheckError, match=r"8\.6"):
        parse_target(text)


def test_unknown_precision_is_refused() -> None:
    with pytest.raises(CheckError, match="fp32, fp16, got 'int8'"):
        parse_target("8.6", "int8")


def test_releases_are_in_order() -> None:
    assert list(RELEASES) == sorted(set(RELEASES))


def test_span_holds_its_start_and_not_its_end() -> None:
    span = Span((8, 5), (10, 0))
    assert [r for r in ((8, 4), (8, 5), (9, 3), (10, 0)) if r in span] == [(8, 5), (9, 3)]
    assert str(span) == "from 8.5, before 10.0"
    assert str(Span()) == "all"
    assert str(Span(before=(8, 6))) == "before 8.6"
    assert (99, 0) in Span()
