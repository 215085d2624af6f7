"""What a node may be asked to keep: it counts, fails, and kills its process."""

import os
import signal

from search import RunError


class Counter:
    """Count from a number."""

    kind = "counter"

    def __init__(self, first: int = 0) -> None:
        self.count = first

    def add(self, number: int) -> int:
        self.count += number
        return self.count

    def process(self) -> int:
        return os.getpid()

    def fail(self) -> None:
        raise RunError("it does not work there")

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)
