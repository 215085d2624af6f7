"""What a prediction has to beat: proportionality to multiply-adds, and sums of isolated times."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from searchspaces import Graph, cost_of

from ..errors import UnprofiledModuleError
from ..tables.table import LatencyTable


def graph_macs(graph: Graph) -> int:
    """Count a graph's multiply-adds."""
    return sum(cost_of(spec).macs * count for spec, count in graph.counts().items())


def macs_proportional_ms(table: LatencyTable, graphs: Sequence[Graph]) -> npt.NDArray[np.float64]:
    """Predict ``(n,)`` latencies as k times the multiply-adds, k fitted on the table's detectors.

    Raises:
        UnprofiledModuleError: The table holds no whole detector.
    """
    known = table.detectors()
    if not known:
        raise UnprofiledModuleError(["any whole detector"], "the table")
    macs = np.array([graph_macs(workload.graph) for workload, _ in known], dtype=np.float64)
    ratio = macs / np.array([measurement.median_ms for _, measurement in known])
    factor = float(ratio.sum() / (ratio**2).sum())  # least relative squares
    return factor * np.array([graph_macs(graph) for graph in graphs], dtype=np.float64)


def isolated_sum_ms(table: LatencyTable, graphs: Sequence[Graph]) -> npt.NDArray[np.float64]:
    """Predict ``(n,)`` latencies as the sum of the modules' times measured alone.

    Raises:
        UnprofiledModuleError: A module was not timed alone.
    """
    sums = [
        sum(table[spec].median_ms * count for spec, count in graph.counts().items())
        for graph in graphs
    ]
    return np.array(sums, dtype=np.float64)
