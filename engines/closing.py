"""What is open until it is closed, as a base class: close it, or use it in a `with` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self


class Closing(ABC):
    """Free what a subclass holds at the end of a ``with`` block, however it ends."""

    @abstractmethod
    def close(self) -> None:
        """Free what it holds; it cannot be used afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()
