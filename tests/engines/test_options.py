import pytest

from engines import BACKENDS, Configurable, EngineBuildError, get_backend, option_texts
from engines.options import choice, flag, options_text, parse_options, whole
from engines.torch.options import OPTIONS, TorchOptions

KNOWN = {
    "fast": flag("Hurry."),
    "kind": choice(("a", "b"), "Which."),
    "level": whole("How much.", default=3, least=0, most=5),
    "bytes": whole("At most.", default=None, least=1),
}


class Chosen:
    fast, kind, level, bytes = False, "a", 3, None


def test_parses() -> None:
    texts = ["fast=true", "kind=b", "level=0", "bytes=4096"]
    assert parse_options("e", KNOWN, texts) == {
        "fast": True,
        "kind": "b",
        "level": 0,
        "bytes": 4096,
    }
    assert parse_options("e", KNOWN, []) == {}


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["fats=true"], r"'e' has no option 'fats'; known are fast=true\|false \(false\), kind=a"),
        (["fast"], r"'e' takes NAME=VALUE, got 'fast'; known are fast="),
        (["=1"], "has no option ''"),
        (["fast=yes"], r"option 'fast' of engine 'e' takes true\|false, got 'yes'"),
        (["kind="], r"'kind' .* takes a\|b, got ''"),
        (["level=6"], r"'level' .* takes 0\.\.5, got '6'"),
        (["level=-1"], "got '-1'"),
        (["level=1.0"], r"got '1\.0'"),
        (["level=" + "9" * 5000], "takes 0"),
        (["bytes=0"], r"takes 1\.\., got '0'"),
        (["fast=true", "fast=true"], "option 'fast' of engine 'e' is given twice"),
    ],
)
def test_refuses(texts: list[str], message: str) -> None:
    with pytest.raises(EngineBuildError, match=message):
        parse_options("e", KNOWN, texts)


def test_what_differs_from_the_defaults_is_recorded() -> None:
    chosen = Chosen()
    assert options_text(KNOWN, chosen) == "default"
    chosen.fast, chosen.level = True, 5
    assert options_text(KNOWN, chosen) == "fast=true level=5"


@pytest.mark.parametrize(
    "options",
    [TorchOptions(), TorchOptions(channels_last=True, half="bf16", compile="default")],
)
def test_what_is_recorded_can_be_read_back(options: TorchOptions) -> None:
    texts = option_texts(options_text(OPTIONS, options))
    assert TorchOptions(**parse_options("torch", OPTIONS, texts)) == options


@pytest.mark.parametrize("name", BACKENDS)
def test_every_option_is_a_field_with_that_default(name: str) -> None:
    backend = BACKENDS[name]
    if not isinstance(backend, Configurable):
        return
    chosen = backend._options  # type: ignore[attr-defined]
    for option, known in backend.known_options.items():
        assert getattr(chosen, option) == known.default
    assert set(backend.known_options) == set(chosen.__dataclass_fields__)


def test_a_backend_with_options_is_another() -> None:
    made = get_backend("torch", ["channels_last=true"])
    assert made is not BACKENDS["torch"]
    assert made.probe().options == "channels_last=true"
    assert BACKENDS["torch"].probe().options == "default"
    assert made.probe().differences(BACKENDS["torch"].probe()) == (
        ("options", "channels_last=true", "default"),
    )


def test_an_engine_without_options_says_so() -> None:
    with pytest.raises(EngineBuildError, match="'onnxruntime' takes no options, got a=1, b=2"):
        get_backend("onnxruntime", ["a=1", "b=2"])
