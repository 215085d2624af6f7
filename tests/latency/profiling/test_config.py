"""What a profile may be asked: whatever would change nothing is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from latency import ProfileConfig, ProfileError


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"active": True, "modules": False}, "--active chooses among chains .* give one"),
        ({"near_ms": 30.0, "active": False}, "--near is what an active profile aims at; leave"),
        ({"near_ms": 30.0, "modules": False}, "--near is what an active profile aims at; leave"),
        ({"near_ms": 0.0}, "near_ms must be above 0, got 0.0"),
        ({"near_ms": float("nan")}, "near_ms must be above 0, got nan"),
        ({"isolated": True, "modules": False}, "--isolated times the modules that --no-modules"),
        ({"isolated": True, "minutes": 5.0}, "modules alone are timed in order; add --in-order"),
        ({"isolated": True, "near_ms": 5.0}, "modules alone are timed in order; add --in-order"),
        ({"isolated": True, "active": True}, "modules alone are timed in order; add --in-order"),
        ({"all_chains": True, "modules": False}, "--all-chains measures the chains that --no-mod"),
        ({"all_chains": True, "minutes": 5.0}, "chooses from all chains anyway; add --in-order"),
        ({"images": Path("photos"), "input_sets": 0}, "--input-sets 0 records none; leave it out"),
        ({"weights": Path("w"), "input_sets": 0}, "--input-sets 0 records none; leave it out"),
    ],
    ids=str,
)
def test_what_would_change_nothing_is_refused(asked: dict[str, object], message: str) -> None:
    with pytest.raises(ProfileError, match=message):
        ProfileConfig(**asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "active"),
    [
        ({}, False),
        ({"active": True}, True),
        ({"minutes": 5.0}, True),
        ({"near_ms": 5.0}, True),
        ({"minutes": 5.0, "active": False, "isolated": True, "all_chains": True}, False),
        ({"minutes": 5.0, "modules": False}, False),
    ],
    ids=str,
)
def test_measurements_are_chosen_where_time_or_an_aim_is_given(
    asked: dict[str, object], active: bool
) -> None:
    assert ProfileConfig(**asked).is_active is active  # type: ignore[arg-type]
