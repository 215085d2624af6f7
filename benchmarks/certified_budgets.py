"""Do certified detectors keep their budget?

On a made-up device: 300 searches, each under another budget, with 15 predictors fitted on noisy
profiles. Every architecture has a time of its own that no sum of modules predicts; every build of
an engine has one, too; the machine drifts, which the sentinel sees, occasions differ by 1 %, which
it does not see, and now and then something disturbs a visit unseen. What an architecture really
takes is known here, so that it is known which certificates are wrong. Beside ours, of the same
searches: the best member by its prediction alone, and by one visit whose own 95 % interval keeps
the budget.

    python benchmarks/certified_budgets.py                      # the made-up device, minutes
    python benchmarks/certified_budgets.py --real               # this idle CPU: about 15 minutes
    python benchmarks/certified_budgets.py --again              # measure the real ones once more
    python benchmarks/certified_budgets.py --judge              # recorded builds, today's bound

On this CPU certified members are measured again after all searches, by engines built anew; while
others use the machine, it waits (--patience). Figures are written to
benchmarks/results/certified-budgets.json; parts not run keep theirs.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from benchmarks.certified_fake import fake_part
from benchmarks.certified_real import judged, measured_again, search_for_real
from benchmarks.patience import USUAL_MINUTES, Minutes, patience_for
from searchspaces import write_atomically

RESULT = Path(__file__).parent / "results" / "certified-budgets.json"
WORK = Path(__file__).parent / "work" / "certified"
ENGINES = ("onnxruntime", "openvino")


def main(
    searches: Annotated[int, typer.Option(help="On the made-up device.")] = 300,
    real: Annotated[bool, typer.Option("--real", help="On this CPU, instead.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Only measure again.")] = False,
    judge: Annotated[bool, typer.Option("--judge", help="Only judge what is recorded.")] = False,
    each: Annotated[int, typer.Option(help="Real searches per engine.")] = 5,
    minutes: Annotated[float, typer.Option(help="Of a real profile.")] = 4.0,
    exploratory: Annotated[bool, typer.Option(help="Profile on a busy machine, too.")] = False,
    patience: Minutes = USUAL_MINUTES,
    work: Path = WORK,
) -> None:
    if judge:
        known = json.loads(RESULT.read_text())["real"]
        report("judged", {e: judged(work / e, known[e]["rows"]) for e in ENGINES})
    if not (real or again):
        report("fake", fake_part(searches))
    waiting = {e: patience_for(e, patience, exploratory=exploratory) for e in ENGINES}
    for engine in ENGINES if real else ():
        search_for_real(engine, each, minutes, exploratory, work / engine, waiting[engine])
    found = {e: measured_again(e, work / e, waiting[e]) for e in ENGINES}
    report("real", found)


def report(part: str, figures: Mapping[str, Any]) -> NoReturn:
    known = json.loads(RESULT.read_text()) if RESULT.exists() else {}
    write_atomically(RESULT, (json.dumps(known | {part: figures}, indent=1) + "\n").encode())
    if part == "fake":
        print(f"{'taken':>16} {'members':>8} {'over':>7} {'> 2 %':>7} {'worst':>7} {'slack':>7}")
        for name in ("prediction", "one visit", "certified", "best certified"):
            row = figures[name]
            if row["members"]:
                print(
                    f"{name:>16} {row['members']:8d} {row['over']:7.2%} "
                    f"{row['over_by_2_percent']:7.2%} {row['worst']:+7.2%} {row['slack']:7.2%}"
                )
        print(f"nothing certified in {figures['nothing_certified']} of {figures['searches']}")
        print("passed" if figures["passed"] else "FAILED")
        sys.exit(not figures["passed"])
    for engine, row in figures.items():
        shown = {name: value for name, value in row.items() if name != "rows"}
        print(engine, shown)
    sys.exit(not all(row["passed"] for row in figures.values()))


if __name__ == "__main__":
    typer.run(main)
