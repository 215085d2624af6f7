"""Costs of modules inside detectors, from everything that was measured at once.

Every measured graph, chain or whole detector, states a sum of module costs. There are fewer sums
than modules, so the costs are a Gaussian process around the layers' rates, and the measurements
condition it (Rasmussen and Williams 2006, equations 2.22 to 2.24, with sums as observations). What
was measured is known to the noise; what was not follows from layers of like shape; and the
variance says which is which.

Berman et al., "AOWS: adaptive and optimal network width search with latency constraints", CVPR
2020, also fit parts to whole networks, by least squares alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from searchspaces import ModuleSpec

from ..errors import PredictorError
from ..simulated.layers import Layer
from .covariance import (
    KIND,
    Spread,
    Terms,
    distances,
    likeness,
    module_variances,
    noise_of,
    start_doubt_ms,
    terms_of,
)
from .equation import Equation
from .layer_work import FAMILIES, PLACE, Basis, WorkBasis, family_of, place_of
from .modules import Modules, modules_of
from .rates import Rates

Floats = npt.NDArray[np.float64]
Counts = Mapping[ModuleSpec, int]
AT_ONCE = 256  # modules worked out together: bounds the memory
LEAST_SHARE = 0.1  # of what the rates give: no layer is free
FAMILIAR = 0.2  # standard deviation of a cost over the cost


@dataclass(frozen=True, slots=True, eq=False)
class JointCost:
    """Hold what is known of a module.

    Attributes:
        ms: Its cost inside a whole detector.
        sd_ms: Standard deviation of that cost.
        link: Covariance of the cost with every equation ``(n,)``.
    """

    ms: float
    sd_ms: float
    link: Floats

    @property
    def is_familiar(self) -> bool:
        """Return whether the measurements say what it costs, not the rates alone."""
        return self.sd_ms <= FAMILIAR * self.ms


@dataclass(frozen=True, slots=True, eq=False)
class _Linked:
    """Hold modules with what they have in common with every equation.

    Attributes:
        modules: Their layers.
        terms: What the rates say of them.
        links: Covariance of each cost with every equation ``(modules, n)``.
    """

    modules: Modules
    terms: Terms
    links: Floats


@dataclass(frozen=True)
class JointCosts:
    """Know what modules cost inside a whole detector, measured or not.

    Attributes:
        equations: What was measured.
        rates: The trend.
        spread: How far costs depart from it.
        basis: What the trend is a trend of.
    """

    equations: tuple[Equation, ...]
    rates: Rates
    spread: Spread
    basis: Basis = field(default_factory=WorkBasis)

    def measured(self, spec: ModuleSpec) -> bool:
        """Return whether the module was part of anything measured."""
        return spec in self._numbers

    def modules(self, specs: Sequence[ModuleSpec]) -> list[JointCost]:
        """Return the cost of every module inside a whole detector.

        Raises:
            PredictorError: The layers of a kind of module are not known.
        """
        fresh = [spec for spec in dict.fromkeys(specs) if spec not in self._known]
        for first in range(0, len(fresh), AT_ONCE):
            self._learn(fresh[first : first + AT_ONCE])
        return [self._known[spec] for spec in specs]

    def modules_ms(self, specs: Sequence[ModuleSpec]) -> Floats:
        """Return the cost of every module ``(n,)``, without its doubt, which takes longer.

        Raises:
            PredictorError: The layers of a kind of module are not known.
        """
        fresh = [spec for spec in dict.fromkeys(specs) if spec not in self._known_ms]
        for first in range(0, len(fresh), AT_ONCE):
            linked = self._linked(fresh[first : first + AT_ONCE])
            self._known_ms.update(zip(linked.modules.specs, self._ms_of(linked), strict=True))
        return np.array([self._known_ms[spec] for spec in specs], np.float64)

    @cached_property
    def start_ms(self) -> float:
        """Return what a whole detector takes beside its modules."""
        return self.rates.start_ms + float(self._start_link @ self._weights)

    def layers_ms(self, layers: Sequence[Layer]) -> Floats:
        """Return what single layers take inside a detector ``(layers,)``."""
        families = np.array([family_of(layer) for layer in layers], np.int64)
        ms = (self.basis.work(layers) * self.rates.layers[families]).sum(1)
        return np.asarray(ms * self.departures(layers))

    def departures(self, layers: Sequence[Layer]) -> Floats:
        """Return how many times more layers take than their rates give ``(layers,)``."""
        families = np.array([family_of(layer) for layer in layers], np.int64)
        places = np.array([place_of(layer) for layer in layers]).reshape(-1, PLACE)
        links = self._links_of(families, places)
        return np.asarray(np.maximum(1.0 + links @ self._weights, LEAST_SHARE))

    def whole_ms(self, detectors: Sequence[Counts]) -> Floats:
        """Return the predicted medians of whole detectors ``(n,)``."""
        specs = list(dict.fromkeys(spec for counts in detectors for spec in counts))
        ms = dict(zip(specs, self.modules_ms(specs).tolist(), strict=True))
        sums = [sum(ms[s] * n for s, n in counts.items()) for counts in detectors]
        return self.start_ms + np.array(sums, np.float64)

    def whole_sd_ms(self, detectors: Sequence[Counts]) -> Floats:
        """Return how far one visit to each whole detector may be from its prediction ``(n,)``.

        As a standard deviation: of the prediction and of the measurement together.
        """
        return np.array([self._sd_ms(counts) for counts in detectors])

    def left_out(self) -> tuple[Floats, Floats, Floats]:
        """Return what whole detectors would be predicted at, each from all others.

        Returns:
            Measured milliseconds, predicted milliseconds and the standard deviation of the
            prediction, each ``(whole detectors,)``; in the order of the equations. Rasmussen and
            Williams 2006, equation 5.12.
        """
        whole = np.array([equation.whole for equation in self.equations], np.bool_)
        times = np.array([equation.ms for equation in self.equations])
        predicted, sd = self.each_left_out()
        return times[whole], predicted[whole], sd[whole]

    def each_left_out(self) -> tuple[Floats, Floats]:
        """Return for every equation what all others predict, and its standard deviation."""
        variance = 1.0 / np.square(self._whitening).sum(0)
        times = np.array([equation.ms for equation in self.equations])
        return times - self._weights * variance, np.sqrt(variance)

    def _learn(self, specs: Sequence[ModuleSpec]) -> None:
        linked = self._linked(specs)
        ms = self._ms_of(linked)
        priors = module_variances(linked.modules, linked.terms, self.spread)
        sure = np.square(self._whitening @ linked.links.T).sum(0)
        sds = np.sqrt(np.maximum(0.0, priors - sure))
        for spec, cost, sd, link in zip(linked.modules.specs, ms, sds, linked.links, strict=True):
            told_ms = self._known_ms.setdefault(spec, cost)  # asked twice, it is the same number
            self._known[spec] = JointCost(told_ms, float(sd), link)

    def _ms_of(self, linked: _Linked) -> list[float]:
        """Return the costs of modules, none below 0."""
        rows = zip(linked.terms.module_ms, linked.links, strict=True)
        return [max(0.0, float(ms) + float(link @ self._weights)) for ms, link in rows]

    def _linked(self, specs: Sequence[ModuleSpec]) -> _Linked:
        """Return how modules hang together with what was measured."""
        modules = Modules(specs, self.basis)
        terms = terms_of([], modules, self.rates)
        links = terms.shares @ self._links_of(modules.families, modules.places)
        kinds = modules.kinds @ self._modules.kinds.T * terms.module_ms[:, None]
        links += KIND**2 * kinds @ self._terms.by_module.T
        links += self.spread.whole**2 * np.outer(terms.module_ms, self._terms.whole_mean)
        for index, spec in enumerate(modules.specs):
            place = self._numbers.get(spec)
            if place is not None:
                ms = float(terms.module_ms[index])
                links[index] += self.spread.module**2 * ms * self._terms.by_module[:, place]
        return _Linked(modules, terms, links)

    def _links_of(self, families: npt.NDArray[np.int64], places: Floats) -> Floats:
        """Return the covariance of layers' deviations with every equation ``(layers, n)``."""
        links = np.zeros((len(families), len(self.equations)))
        for family in range(len(FAMILIES)):
            mine, theirs = families == family, self._modules.families == family
            apart = distances(places[mine], self._modules.places[theirs])
            links[mine] = likeness(apart, self.spread) @ self._terms.by_layer[:, theirs].T
        return links

    def _sd_ms(self, counts: Counts) -> float:
        """Return how far a measurement of a whole detector may be from its prediction."""
        parts, weights = self.modules(list(counts)), np.array(list(counts.values()), np.float64)
        link = self._start_link + weights @ np.array([part.link for part in parts])
        asked = [Equation(counts, 1.0, whole=True)]
        prior = float(
            terms_of(asked, Modules(counts, self.basis), self.rates).covariance(self.spread)[0, 0]
        )
        white = self._whitening @ link
        ms = self.start_ms + float(weights @ [part.ms for part in parts])
        noise = (self.spread.whole_noise * ms) ** 2
        return float(np.sqrt(max(0.0, prior - float(white @ white)) + noise))

    @cached_property
    def _known(self) -> dict[ModuleSpec, JointCost]:
        return {}

    @cached_property
    def _known_ms(self) -> dict[ModuleSpec, float]:
        return {}

    @cached_property
    def _modules(self) -> Modules:
        return modules_of(self.equations, self.basis)

    @cached_property
    def _numbers(self) -> Mapping[ModuleSpec, int]:
        return {spec: index for index, spec in enumerate(self._modules.specs)}

    @cached_property
    def _terms(self) -> Terms:
        return terms_of(self.equations, self._modules, self.rates)

    @cached_property
    def _whitening(self) -> Floats:
        """Return the inverse of the Cholesky root of the measurements' covariance ``(n, n)``."""
        noise = noise_of(self.equations, self.spread)
        try:
            root = np.linalg.cholesky(self._terms.covariance(self.spread) + np.diag(noise))
        except np.linalg.LinAlgError:
            raise PredictorError(
                f"rates and spread give no covariance of the {len(self.equations)} measurements; "
                "fit the table again"
            ) from None
        return np.asarray(np.linalg.inv(root))

    @cached_property
    def _weights(self) -> Floats:
        """Return how much every equation counts in a prediction ``(n,)``."""
        times = np.array([equation.ms for equation in self.equations])
        return np.asarray(self._whitening.T @ (self._whitening @ (times - self._terms.mean)))

    @cached_property
    def _start_link(self) -> Floats:
        """Return the covariance of what a detector takes beside its modules ``(n,)``."""
        doubt = start_doubt_ms(self.rates)
        whole = self.spread.whole**2 * self.rates.start_ms * self._terms.whole_mean
        return np.asarray(doubt * self._terms.starts + whole)
