"""A search with two processes, as a program of its own: FOLDER LOG SECONDS."""

import signal
import sys
from pathlib import Path

from search import Constraint, WorkerChoice, run_search
from search.conformance import GOALS
from search.spaces.digits import DigitSpace
from tests.search.workers.evaluators import Counting


def main() -> int:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # some shells have it ignored
    folder, log, seconds = sys.argv[1:]
    try:
        run_search(
            DigitSpace(8, 3),
            "detnas-ea",
            Counting(Path(log), float(seconds)),
            GOALS,
            (Constraint("cost", 9.0),),
            evals=60,
            seed=1,
            out_dir=folder,
            resume=True,
            options={"population": 8, "parents": 3},
            workers=WorkerChoice(2),
        )
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
