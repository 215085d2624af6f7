"""How well the score without training ranks what was really evaluated."""

from __future__ import annotations

import math
from dataclasses import dataclass

from searchspaces import SPACES, make_space

from ..evaluators import ProxyEvaluator
from ..evaluators.proxy import SCORE
from ..fidelity.kendall import FEWEST
from ..running.result import SearchResult


@dataclass(frozen=True, slots=True)
class Agreement:
    """Compare the entropy score with an objective that was evaluated.

    Attributes:
        objective: Name of the objective.
        kendall_tau: Rank correlation, from -1 to 1, with the sign that 1 is always the good one.
        evaluations: How many architectures both are known of.
    """

    objective: str
    kendall_tau: float
    evaluations: int


def proxy_agreement(result: SearchResult) -> Agreement | None:
    """Return how the entropy score ranks the evaluated architectures of a run.

    Returns:
        ``None`` where fewer than five were evaluated, the run is one of the score itself, its
        space is not one of the project's, or either value is the same everywhere.
    """
    goal = next((each for each in result.objectives if not each.is_known), None)
    done = [e for e in result.candidates if e.status == "ok"]
    known = result.config.space in SPACES and len(done) >= FEWEST
    if goal is None or goal.name == SCORE or not known:
        return None
    from scipy.stats import kendalltau

    proxy = ProxyEvaluator(make_space(result.config.space, **result.config.space_options))
    scores = [proxy.evaluate(e.architecture)[SCORE] for e in done]
    column = result.objectives.index(goal)
    told = [-goal.sign * e.values[column] for e in done]
    tau = float(kendalltau(scores, told).statistic)
    return None if math.isnan(tau) else Agreement(goal.name, tau, len(done))
