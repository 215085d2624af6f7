"""What a search is asked."""

from pathlib import Path
from typing import Any

import pytest

from search import EvaluatorError, RunError, SearchSettings


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"evaluator": "guess"}, "unknown evaluator 'guess'; known: classification, proxy, "),
        ({"evaluator": "table"}, "needs a file of known results"),
        ({"table": Path("t.json")}, "and no other does"),
        ({"search_images": 0}, "search_images must be at least 1, got 0"),
        ({"recalibration_images": 0}, "recalibration_images must be at least 1, got 0"),
    ],
)
def test_settings_that_contradict_themselves(options: dict[str, Any], message: str) -> None:
    with pytest.raises((EvaluatorError, RunError), match=message):
        SearchSettings(**options)
