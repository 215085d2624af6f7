"""The dilation search of CR-NAS (Liang et al., ICLR 2020): a greedy beam over partial codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from searchspaces import Architecture, ArchitectureError, CrNasSpace

from ..errors import StrategyError
from ..objectives.objective import Bound, Objective
from ..spaces.listing import gene_choices
from ..spaces.partial import UNDECIDED, choices_of
from .beam import Beam
from .checks import check_count, check_options
from .contract import StrategyOptions
from .draw import Draw
from .partial_codes import PartialStrategy

if TYPE_CHECKING:
    from searchspaces import SearchSpace

BEAM_WIDTH = 3  # the paper's K


@dataclass(frozen=True, slots=True)
class CrNasGreedyOptions(StrategyOptions):
    """Options of :class:`CrNasGreedyStrategy`; the default is the paper's.

    Attributes:
        width: Partial codes that are kept after every block, K.

    Raises:
        StrategyError: A value is out of range.
    """

    width: int = BEAM_WIDTH

    def __post_init__(self) -> None:
        # not super(): the class that slots=True makes is another than the one written here
        StrategyOptions.__post_init__(self)
        check_count("width", self.width, 1)


class CrNasGreedyStrategy(PartialStrategy):
    """Decide one gene after the other by the scores of partial codes.

    CR-NAS, convolution reallocation: each of the K best partial codes is extended by every
    choice of its next gene. Undecided genes are :data:`search.UNDECIDED`; evaluators score such
    a code by random completions of it. The last extensions are whole architectures: 138
    evaluations with K = 3 and three dilations in each of 16 blocks, the last nine of them whole.
    Codes without a completion that keeps the constraints are left out.

    Raises:
        StrategyError: The genes of the space cannot be decided one after the other.
        ObjectiveError: Every objective is known, so that there is nothing to rank by.
    """

    name = "crnas-greedy"
    options_type = CrNasGreedyOptions

    def __init__(
        self,
        space: SearchSpace,
        objectives: Sequence[Objective],
        constraints: Sequence[Bound] = (),
        seed: int = 0,
        options: StrategyOptions | None = None,
    ) -> None:
        super().__init__(space, objectives, constraints, seed, options)
        setup = check_options(self.name, self.options, CrNasGreedyOptions)
        start = _undecided(space)
        width, admits = setup.width, self.constraints.satisfied
        self._beam = Beam(start, choices_of(space, start), width, admits)

    def _next(self) -> Draw | None:
        return self._step(self._beam)


def _undecided(space: SearchSpace) -> Architecture:
    """Return the code without any decided gene.

    Raises:
        StrategyError: The space does not tell the choices of its genes.
    """
    if isinstance(space, CrNasSpace):
        raise StrategyError(
            f"crnas-greedy decides the dilations on one stage code; choose {space.name}-operations"
            " with --option stages=CODE, or the strategy crnas, which searches both levels"
        )
    choices = gene_choices(space) or ()
    start = Architecture(space.name, (UNDECIDED,) * len(choices))
    try:
        choices_of(space, start)
    except ArchitectureError as error:
        raise StrategyError(f"crnas-greedy: {error}") from error
    return start
