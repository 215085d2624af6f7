import pytest

from engines import BACKENDS, EngineUnavailableError, FakeBackend, UnknownEngineError, get_backend


def test_names_are_keys() -> None:
    assert list(BACKENDS) == ["onnxruntime", "openvino", "torch", "tensorrt", "fake"]
    for name, backend in BACKENDS.items():
        assert backend.name == name
        if backend.unavailable_reason() is None:
            assert get_backend(name) is backend


def test_unknown_lists_the_known() -> None:
    with pytest.raises(
        UnknownEngineError, match="'tpu'; known are onnxruntime, openvino, torch, tensorrt, fake"
    ):
        get_backend("tpu")


def test_unavailable_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class Absent(FakeBackend):
        def unavailable_reason(self) -> str | None:
            return "run: pip install detfit[absent]"

    monkeypatch.setitem(BACKENDS, "absent", Absent())
    with pytest.raises(EngineUnavailableError, match=r"'absent' .* pip install detfit\[absent\]"):
        get_backend("absent")
