"""Benchmarks that wait for a quiet machine, on a clock that only waiting moves."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from benchmarks.patience import Patience, patience_for
from engines import DeviceInfo
from latency import NotQuietError, ProfileError


class Clock:
    def __init__(self) -> None:
        self.seconds = 1e5

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.seconds += seconds

    @property
    def waited(self) -> float:
        return self.seconds - 1e5


def patience(clock: Clock, busy: Callable[[], str | None], minutes: float) -> Patience:
    return Patience(busy, minutes, lambda: clock.seconds, clock.sleep)


def busy_until(clock: Clock, seconds: float) -> Callable[[], str | None]:
    return lambda: "others are at it" if clock.waited < seconds else None


def refusing(times: int, error: type[Exception] = NotQuietError) -> Callable[[], str]:
    """Return work that is refused so many times."""
    refused: Iterable[int] = iter(range(times))

    def work() -> str:
        for _ in refused:
            raise error("refused in between")
        return "done"

    return work


def test_a_quiet_machine_is_not_waited_for(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    assert patience(clock, lambda: None, 0.0).run(lambda: 7) == 7
    assert clock.waited == 0.0
    assert capsys.readouterr().out == ""


def test_it_waits_and_says_so_once_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    assert patience(clock, busy_until(clock, 200.0), 30.0).run(refusing(0)) == "done"
    assert 200.0 <= clock.waited < 220.0
    assert capsys.readouterr().out.splitlines() == [
        f"waiting, {minute} of 30 minutes: others are at it" for minute in range(4)
    ]


def test_work_that_is_refused_in_between_begins_again(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    assert patience(clock, lambda: None, 30.0).run(refusing(3)) == "done"
    assert clock.waited == 45.0
    assert "refused in between" in capsys.readouterr().out


@pytest.mark.parametrize("minutes", [0.0, 2.2])
def test_patience_ends(minutes: float) -> None:
    clock = Clock()
    for busy, work in ((busy_until(clock, 1e9), refusing(0)), (lambda: None, refusing(10**9))):
        started = clock.seconds
        with pytest.raises(SystemExit, match=r"not quiet for .* minutes: .*; run this again"):
            patience(clock, busy, minutes).run(work)
        assert clock.seconds - started == pytest.approx(60 * minutes)


def test_each_piece_of_work_is_waited_for_anew() -> None:
    clock = Clock()
    waiting = patience(clock, lambda: None, 1.0)
    for _ in range(5):
        assert waiting.run(refusing(3)) == "done"
    assert clock.waited == 5 * 45.0


def test_other_refusals_are_no_reason_to_wait() -> None:
    clock = Clock()
    with pytest.raises(ProfileError, match="refused"):
        patience(clock, lambda: None, 30.0).run(refusing(1, ProfileError))
    assert clock.waited == 0.0


def test_it_looks_at_the_device_of_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[Any, ...]] = []

    def overloaded(device: DeviceInfo, threads: int) -> str:
        seen.append((device.kind, device.engine, threads))
        return "always"

    monkeypatch.setattr("benchmarks.patience.overload_reason", overloaded)
    with pytest.raises(SystemExit, match="always"):
        patience_for("onnxruntime", 0.0, 2).run(lambda: None)
    assert seen == [("cpu", "onnxruntime", 2)]
    assert patience_for("onnxruntime", 30.0, exploratory=True).run(lambda: 3) == 3
    assert len(seen) == 1
