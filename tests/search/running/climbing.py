"""A multi-fidelity search with two processes, as a program of its own: FOLDER LOG SECONDS."""

import sys
from pathlib import Path

from search import Fidelity, WorkerChoice, run_search
from search.conformance import GOALS
from search.spaces.digits import DigitSpace
from tests.search.workers.evaluators import Graded


def main() -> int:
    folder, log, seconds = sys.argv[1:]
    run_search(
        DigitSpace(6, 3),
        "nsga2",
        Graded(log=Path(log), seconds=float(seconds)),
        GOALS,
        evals=16,
        seed=1,
        out_dir=folder,
        resume=True,
        options={"population": 6},
        workers=WorkerChoice(2),
        fidelity=Fidelity((0.1, 0.3, 1.0), audit=0.2),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
