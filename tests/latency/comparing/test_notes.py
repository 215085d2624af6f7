"""How often to measure so that a comparison shows what it does not show yet."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from latency import Change, diff_tables
from latency.comparing.notes import MOST_REPLICATES, replicates_of, replicates_to_show
from tests.latency.noise import conv_specs, noisy_table

CHANGE = Change("kind", "conv", "conv", 1.0, 1.0, 0.0, -0.05, 0.05, 1.0, False, 0.05)


def test_errors_fall_with_the_root_of_the_replicates() -> None:
    shown = replace(CHANGE, smallest_shown=1.02**3 - 1)
    assert replicates_to_show(shown, 0.02, 2) == 18
    assert replicates_to_show(shown, 0.02, 1.5) == 14


def test_there_is_always_one_more_and_an_end() -> None:
    assert replicates_to_show(replace(CHANGE, smallest_shown=0.01), 0.02, 3) == 4
    assert replicates_to_show(CHANGE, 0.0, 3) is None
    least = np.expm1(np.log1p(0.02) * np.sqrt(MOST_REPLICATES / 2))
    assert replicates_to_show(replace(CHANGE, smallest_shown=0.9999 * least), 0.02, 2) is not None
    assert replicates_to_show(replace(CHANGE, smallest_shown=1.01 * least), 0.02, 2) is None


def test_kinds_that_always_stand_together_need_other_measurements() -> None:
    tangled = replace(CHANGE, smallest_shown=np.expm1(1.44))  # 4 standard deviations of 0.36
    assert replicates_to_show(tangled, 0.10, 3) is None
    assert replicates_to_show(replace(CHANGE, smallest_shown=0.99), 0.10, 3) is not None


def test_replicates_of_two_tables() -> None:
    rng, specs = np.random.default_rng(0), conv_specs(4)
    quiet = {"count": 10, "build_sd": 0.001}
    a, b = (noisy_table(rng, specs, replicates=n, **quiet) for n in (2, 6))
    assert replicates_of(a, b) == pytest.approx(3.0)


@pytest.mark.parametrize("seed", range(3))
def test_so_many_replicates_do_show_it(seed: int) -> None:
    """The promise, kept on machines whose noise stays as it was."""
    rng, specs = np.random.default_rng(seed), conv_specs(36)
    noise = {"count": 10, "build_sd": 0.02}
    a, b = (noisy_table(rng, specs, replicates=3, **noise) for _ in range(2))
    counts = [replicates_to_show(kind, 0.01, 3) for kind in diff_tables(a, b).kinds]
    needed = max(count for count in counts if count is not None)
    assert 10 < needed < 40
    more = [noisy_table(rng, specs, replicates=needed, **noise) for _ in range(2)]
    shown = [kind.smallest_shown for kind in diff_tables(*more).kinds]
    assert 0.006 < min(shown) < max(shown) < 0.0125
