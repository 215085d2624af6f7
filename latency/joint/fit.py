"""Learn costs from equations: rates, then the spread, doubting what all else contradicts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from ..errors import PredictorError
from .costs import JointCosts
from .covariance import Spread, terms_of
from .equation import Equation
from .known_basis import KnownBasis
from .layer_work import Basis, WorkBasis
from .modules import modules_of
from .rates import Rates, fit_rates
from .spread import SpreadSearch

MOST_FOR_SPREAD = 400  # equations: as many say how large deviations are, in a few seconds
DOUBTING, LEAST_TO_DOUBT = 3, 20  # rounds of it, and equations below which none is doubted
SURPRISE = 2.5
"""Standard deviations from what all others say beyond which a measurement is doubted."""

ALIKE = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Powers to which a source's departures may be taken over."""

USUAL_MS = 10.0  # per giga multiply-add: one core of a server


def unmeasured(spread: Spread | None = None) -> JointCosts:
    """Return what is thought of costs before anything is measured: usual rates, wide doubts."""
    basis = WorkBasis()
    rates = Rates(USUAL_MS * basis.usual(), 0.0, 0.0)
    return JointCosts((), rates, spread or Spread(), basis)


def fit_joint(
    equations: Sequence[Equation], spread: Spread | None = None, basis: Basis | None = None
) -> JointCosts:
    """Learn costs from equations.

    Args:
        equations: At least one.
        spread: How far costs depart from the trend; chosen by the measurements if None.
        basis: What the trend is a trend of; the layers' work if None.

    Raises:
        PredictorError: There is no equation, or the layers of a module are not known.
    """
    if not equations:
        raise PredictorError("there is nothing measured to learn costs from; profile first")
    basis = basis or WorkBasis()
    rates = fit_rates(equations, modules_of(equations, basis), basis)
    choose = _chooser(equations, rates, basis) if spread is None else lambda _: spread
    given = tuple(equations)
    found = JointCosts(given, rates, choose(given), basis)
    for _ in range(DOUBTING if len(equations) >= LEAST_TO_DOUBT else 0):
        doubted = _doubted(found)
        if doubted == found.equations:
            break
        found = replace(found, equations=doubted, spread=choose(doubted))
    return found


def fit_like(equations: Sequence[Equation], source: JointCosts) -> JointCosts:
    """Learn costs from few equations and from the costs of another device or engine.

    How much of the source's departures carries over is what the measurements, each predicted from
    all others, find most likely; nothing of them, where they mislead.

    Raises:
        PredictorError: There is no equation, or the layers of a module are not known.
    """
    found = [fit_joint(equations, basis=KnownBasis(source, alike)) for alike in ALIKE]
    return min(found, key=_surprise)


def _surprise(costs: JointCosts) -> float:
    """Return the mean negative log density of measurements, each predicted from all others."""
    predicted, sd = costs.each_left_out()
    times = np.array([equation.ms for equation in costs.equations])
    return float(np.mean(np.log(sd) + 0.5 * np.square((times - predicted) / sd)))


def _chooser(
    equations: Sequence[Equation], rates: Rates, basis: Basis
) -> Callable[[Sequence[Equation]], Spread]:
    """Return what chooses a spread for these equations, whatever they are doubted by."""
    some = _some(equations)
    search = SpreadSearch(terms_of(some, modules_of(some, basis), rates))
    return lambda doubted: search.best(_some(doubted))


def _some(equations: Sequence[Equation]) -> Sequence[Equation]:
    """Return equations that say how large deviations are, spread over all."""
    return equations[:: -(-len(equations) // MOST_FOR_SPREAD)]


def _doubted(costs: JointCosts) -> tuple[Equation, ...]:
    """Return the equations; those that all others contradict are held to be noisier.

    A measurement that was disturbed would otherwise make all others look noisy, and their modules
    uncertain. Noise grows with the contradiction, as with Huber's weights (1964).
    """
    predicted, sd = costs.each_left_out()
    found = []
    for each, middle, doubt in zip(costs.equations, predicted, sd, strict=True):
        beyond = abs(each.ms - middle) / (doubt * SURPRISE)
        found.append(replace(each, doubt=each.doubt * beyond) if beyond > 1 else each)
    return tuple(found)
