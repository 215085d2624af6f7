"""In which order results are told: that of hands that take as long as a rung says, to the digit.

Who is faster differs from run to run; what is told before a decision must not. So decisions are
made as if every evaluation took exactly its rung's share of a whole one. Where all take the same,
this is the order of proposals. Real workers run ahead of it or behind it; they wait only where an
evaluation takes much longer, beside the others, than its share says.
"""

from __future__ import annotations

import heapq


class Schedule:
    """Follow evaluations on a clock of their own.

    Example:
        >>> schedule = Schedule()
        >>> for index, length in enumerate((9, 1, 3)):
        ...     schedule.begin(index, length)
        >>> [schedule.end() for _ in range(3)]
        [1, 2, 0]
    """

    def __init__(self) -> None:
        self._clock = 0
        self._begun = 0
        self._flight: list[tuple[int, int, int]] = []  # end, order of beginning, evaluation

    def __len__(self) -> int:
        """Return how many have begun and not ended."""
        return len(self._flight)

    @property
    def next(self) -> int | None:
        """Return the evaluation that ends next; of equals the one that began first."""
        return self._flight[0][2] if self._flight else None

    def begin(self, index: int, length: int) -> None:
        """Begin an evaluation now.

        Args:
            index: Of the evaluation.
            length: Time that it takes, above 0.
        """
        heapq.heappush(self._flight, (self._clock + length, self._begun, index))
        self._begun += 1

    def end(self) -> int:
        """Go on to the end of the next evaluation and return it.

        Raises:
            IndexError: Nothing has begun.
        """
        self._clock, _, index = heapq.heappop(self._flight)
        return index
