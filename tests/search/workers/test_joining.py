"""Which devices a cluster's nodes offer, without a cluster."""

from typing import Any

import pytest

from search import RunError
from search.workers import Cluster


class Nodes:
    """Stand for Ray in a cluster of some nodes."""

    def __init__(self, *offers: dict[str, float]) -> None:
        self._offers = offers

    def is_initialized(self) -> bool:
        return True

    def cluster_resources(self) -> dict[str, float]:
        total: dict[str, float] = {"CPU": 2.0, "node:10.0.0.1": 1.0, "memory": 9e9}
        for offer in self._offers:
            for name, units in offer.items():
                total[name] = total.get(name, 0.0) + units
        return total

    def nodes(self) -> list[dict[str, Any]]:
        gone = {"Alive": False, "NodeManagerHostname": "gone", "Resources": {"a": 9.0}}
        return [
            gone,
            *(
                {"Alive": True, "NodeManagerHostname": f"n{index}", "Resources": offer}
                for index, offer in enumerate(self._offers)
            ),
        ]


@pytest.fixture
def cluster_of(monkeypatch: pytest.MonkeyPatch) -> Any:
    def make(*offers: dict[str, float]) -> Cluster:
        monkeypatch.setattr("search.workers.joining._ray", lambda: Nodes(*offers))
        return Cluster("h:6379")

    return make


def test_what_no_node_offers_is_refused_with_what_they_offer(cluster_of: Any) -> None:
    cluster = cluster_of({"detfit-cpu": 2.0, "GPU": 1.0}, {"detfit-cpu": 1.0})
    with pytest.raises(RunError) as refused:
        cluster.offers_alone("detfit-device-v100")
    assert str(refused.value) == (
        "no node of the Ray cluster 'h:6379' offers 'detfit-device-v100'; start nodes by: ray "
        "start --address=HEAD:6379 --resources='{\"detfit-device-v100\": 1}'; the cluster offers "
        "'GPU' (1), 'detfit-cpu' (3)"
    )
    with pytest.raises(RunError, match="the cluster offers nothing but processors"):
        cluster_of({}).offers("a")


def test_a_device_is_offered_to_one_at_a_time(cluster_of: Any) -> None:
    cluster_of({"a": 1.0}, {"a": 1.0}).offers_alone("a")
    with pytest.raises(RunError, match=r"node n1 offers 'a' 2 times, .* start it with 1$"):
        cluster_of({"a": 1.0}, {"a": 2.0}).offers_alone("a")
    with pytest.raises(RunError, match="node n0 offers 'a' 2 times"):
        cluster_of({"a": 2.0, "GPU": 2.0}).offers_alone("a")  # both would use its processors


def test_a_gpu_has_to_be_where_the_device_is(cluster_of: Any) -> None:
    cluster_of({"a": 2.0, "GPU": 2.0}).offers_alone("a", gpus=1)
    with pytest.raises(RunError, match="offers a GPU to Ray; start it with --num-gpus=1"):
        cluster_of({"a": 1.0}, {"GPU": 1.0}).offers_alone("a", gpus=1)
    with pytest.raises(RunError, match="start it with 1 for each GPU"):
        cluster_of({"a": 3.0, "GPU": 2.0}).offers_alone("a", gpus=1)
