"""The graphs written by hand: bad ones after issues, good ones of what detectors consist of."""

from tests.export.check.bad_graphs import BAD
from tests.export.check.good_graphs import GOOD
from tests.export.check.plugin_graphs import PLUGINS
from tests.export.corpus.entries import Entry


def bad_entries() -> list[Entry]:
    return [
        Entry(name, "bad", case.model, case.passes, case.fails, case.issue, case.precision)
        for name, case in (BAD | PLUGINS).items()
    ]


def small_entries() -> list[Entry]:
    source = "onnx-tensorrt docs/operators.md"
    return [
        Entry(name, "small", case.model, case.passes, (), source) for name, case in GOOD.items()
    ]
