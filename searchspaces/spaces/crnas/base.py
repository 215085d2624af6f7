"""What the three kinds of CR-NAS spaces share: the detector around a backbone."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from operator import add
from typing import TYPE_CHECKING, ClassVar

from ...architecture import Architecture
from ...detector import DetectorSpec
from ...errors import ArchitectureError, SearchSpaceError
from ...parts import DILATIONS
from ..options import check_flag
from ..tokens import block_tokens, constant_tokens
from .dilations import CHOICES, Digits, by_stage
from .heads import NORMS, around
from .series import SERIES, Series
from .stages import StageCode, StageCodes, StageRule

if TYPE_CHECKING:
    from typing_extensions import Self

INPUT_HW = (800, 1088)
"""The size at which CR-NAS' multiply-adds come out."""


@dataclass(frozen=True)
class CrNasDetectors(ABC):
    """Build CR-NAS' detectors of stage codes and dilations.

    Attributes:
        series: A key of :data:`searchspaces.spaces.crnas.SERIES`.
        head: One of :data:`searchspaces.spaces.crnas.HEADS`.
        input_hw: Input height and width in pixels; ``None`` for 800 and 1088.
        num_classes: Classes without background.
        proposals: Boxes given to the second stage; ``None`` for 1000.
        base_channels: Width of a ResNet's first stage: 64, or 32 in the paper's supernets;
            ``None`` for 64. MobileNetV2 has its own widths.
        norm: ``bn``, or for training from scratch with few images a batch ``gn_ws`` (group
            normalisation and standardised weights, in pyramid, RetinaNet's towers and masks too)
            or ``gn`` (group normalisation alone). Genes mean the same in all;
            :meth:`with_norm` changes over.

    Raises:
        SearchSpaceError: A name or option is unknown or does not fit the others.
    """

    series: str
    head: str = "fpn"
    input_hw: tuple[int, int] | None = None
    num_classes: int = 80
    proposals: int | None = None
    base_channels: int | None = None
    norm: str = "bn"
    suffix: ClassVar[str] = ""

    def __post_init__(self) -> None:
        if self.series not in SERIES:
            raise SearchSpaceError(
                f"{self.series!r} is no series of CR-NAS; known: {', '.join(SERIES)}"
            )
        if self.norm not in tuple(NORMS):
            raise SearchSpaceError(f"norm {self.norm!r} is not one of {', '.join(NORMS)}")
        self._check_options()
        _ = self._frame  # checks the numbers

    @property
    def name(self) -> str:
        """Return ``crnas-`` and the series, then what is searched where it is not all."""
        return f"crnas-{self.series}{self.suffix}"

    @property
    def _series(self) -> Series:
        return SERIES[self.series]

    @property
    def _rule(self) -> StageRule:
        return self._series.rule

    def with_norm(self, norm: str) -> Self:
        """Return the space of the same architectures with another normalisation."""
        return replace(self, norm=norm)

    def is_valid(self, arch: Architecture) -> bool:
        """Return whether the space holds the architecture."""
        return arch.space == self.name and self._network(arch.genes) is not None

    def canonical(self, arch: Architecture) -> Architecture:
        """Return the architecture itself: no two codes mean the same network."""
        self._checked(arch)
        return arch

    def detector(self, arch: Architecture) -> DetectorSpec:
        """Return the detector around the backbone that the architecture names."""
        return self._detector(*self._checked(arch))

    def node_tokens(self, arch: Architecture) -> Sequence[Hashable]:
        """Name the module at every node of the detector's graph, in order, without wiring it.

        Within one space equal tokens mean equal modules: in a stage all blocks of one dilation
        are equal but the first.
        """
        code, digits = self._checked(arch)
        before, after = self._frame
        places = _places(self._rule, code)
        return [*before, *map(add, places, digits), *after]

    @abstractmethod
    def _check_options(self) -> None:
        """Raise ``SearchSpaceError`` where an option of the subclass cannot be."""

    @abstractmethod
    def _first(self) -> tuple[StageCode, Digits]:
        """Return any network of the space."""

    @abstractmethod
    def _network(self, genes: tuple[int | str, ...]) -> tuple[StageCode, Digits] | None:
        """Return stage code and dilation digits, or ``None`` where the genes are not valid."""

    def _checked(self, arch: Architecture) -> tuple[StageCode, Digits]:
        network = self._network(arch.genes) if arch.space == self.name else None
        if network is None:
            raise ArchitectureError(f"{arch} is not in {self.name}; {self._genes_needed}")
        return network

    @property
    @abstractmethod
    def _genes_needed(self) -> str:
        """Say which genes there are."""

    @property
    def _branches(self) -> bool:
        return False

    @cached_property
    def _frame(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the tokens before and after those of the blocks: the same for every network."""
        code, digits = self._first()
        graph = self._detector(code, digits).graph()
        return constant_tokens(graph, len(digits), self._series.last)

    def _detector(self, code: StageCode, digits: Digits) -> DetectorSpec:
        depths = self._rule.depths(code)
        rates = tuple(
            tuple(DILATIONS[digit] for digit in stage) for stage in by_stage(depths, digits)
        )
        backbone = self._series.backbone(
            depths, rates, self.base_channels, self.norm, self._branches
        )
        neck, rpn, head = around(self.head, self.proposals, self.norm)
        input_hw = INPUT_HW if self.input_hw is None else self.input_hw
        return DetectorSpec(input_hw, backbone, neck, rpn, head, self.num_classes)


@dataclass(frozen=True)
class BudgetedStages(CrNasDetectors):
    """Choose stage codes that meet a budget.

    Attributes:
        blocks: The budget: all blocks of a ResNet, or MobileNetV2's weighted blocks; ``None`` for
            the series' own network. Several budgets make one space, and one supernet, of the
            networks of all.
        branches: Whether a supernet has one branch per stage and count; without, networks of
            different depth share their first blocks.
    """

    blocks: int | tuple[int, ...] | None = None
    branches: bool = False

    @cached_property
    def stage_codes(self) -> StageCodes:
        """Return the eligible stage codes of this space."""
        blocks = self._series.blocks if self.blocks is None else self.blocks
        return StageCodes(self._rule, blocks if isinstance(blocks, tuple) else (blocks,))

    @property
    def eligible_codes(self) -> dict[str, int]:
        """Return how many stage codes are eligible at each published budget of the series.

        ``blocks`` chooses those that this space holds.
        """
        return {str(n): len(self._rule.eligible(n)) for n in self._series.budgets}

    @property
    def declared_codes(self) -> dict[str, int]:
        """Return the same for the paper's declared sets alone, without published exceptions."""
        return {str(n): len(self._rule.declared(n)) for n in self._series.budgets}

    @property
    def choices(self) -> dict[str, tuple[int, ...]]:
        """Return the numbers of blocks that every searched stage may have."""
        first = 1 + len(self._rule.before)
        return {f"blocks of stage {i}": c for i, c in enumerate(self._rule.choices, first)}

    def _check_options(self) -> None:
        check_flag("branches", self.branches)
        _ = self.stage_codes

    def _first(self) -> tuple[StageCode, Digits]:
        code = self.stage_codes.all[0]
        return code, (0,) * sum(self._rule.depths(code))

    @property
    def _branches(self) -> bool:
        return self.branches


@lru_cache(maxsize=4096)
def _places(rule: StageRule, code: StageCode) -> tuple[int, ...]:
    return block_tokens(rule.depths(code), CHOICES)
