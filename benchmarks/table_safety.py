"""What a latency table survives: kill -9 while it is written, and damage to the file.

1. A profile on this machine's CPU is killed (SIGKILL) at ten random moments and resumed each time.
   Every visit says in a file of its own that it begins, so that what a kill lost is counted:
   visits begun, less rows in the table. The finished table is compared with an undisturbed one.
   Beside it: what a table that is written at the end would have lost.
2. Copies of the finished table are damaged: a flipped bit at random places, the end cut off, a
   line written twice, another schema, another device, a digit changed. Refused means that reading
   (or resuming, for the device) says so; counted is, too, how often it names the line, and how
   often a field. Beside it: how often a reader that takes every line as JSON notices.

    python -m benchmarks.table_safety    # about three minutes, most of it Python starting up

Figures are written to benchmarks/results/table-safety.json.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import numpy as np
import typer

from engines import TimingProtocol, get_backend
from latency import (
    LatencyError,
    LatencyTable,
    Manifest,
    ProfileConfig,
    TableError,
    TableWriter,
    profile,
    read_table,
)
from searchspaces import make_space, write_atomically

RESULTS = Path(__file__).parent / "results" / "table-safety.json"
ROOT = Path(__file__).parent.parent
OPTIONS: dict[str, Any] = {"head": "retinanet", "input_hw": (64, 64), "num_classes": 3}
CHILD = "from benchmarks.table_safety import child; import sys; child(*sys.argv[1:])"
WAIT_S = 900.0  # for a first row, on a machine that is busy
Damage = Callable[[list[bytes], np.random.Generator], tuple[list[bytes], int | None]]


def main(
    kills: int = 10,
    damages: Annotated[int, typer.Option(help="Of each kind, at random places.")] = 200,
    seed: int = 0,
    output: Path = RESULTS,
) -> None:
    rng = np.random.default_rng(seed)
    with TemporaryDirectory() as folder:
        survived = killed(Path(folder), kills, rng)
        whole = Path(folder) / "whole.jsonl"
        table = read_table(whole)
        rows = [damaged(whole, kind, damages, rng) for kind in DAMAGES]
        rows.append(other_device(whole))
    for row in rows:
        print(
            f"{row['damage']:22s} {row['refused']:4d} of {row['tried']:4d} refused, "
            f"{row['line']:4d} by line, {row['field']:4d} by field; noticed by json.loads: "
            f"{row['json']:4d}"
        )
    record = {
        "command": "python -m benchmarks.table_safety " + " ".join(sys.argv[1:]),
        "device": table.device.to_dict(),
        "versions": {name: version(name) for name in ("onnxruntime", "torch", "numpy")},
        "killed": survived,
        "damaged": rows,
    }
    output.parent.mkdir(exist_ok=True)
    write_atomically(output, (json.dumps(record, indent=1) + "\n").encode())
    print(f"written to {output}")


def child(path: str, log: str) -> None:
    """Profile a small space, saying what begins; this is what is killed."""

    def begins(message: str, done: float, total: float) -> None:
        if done >= total:
            return  # nothing begins: it is complete
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"{message}\n")
            file.flush()
            os.fsync(file.fileno())

    run(Path(path), begins)


def run(path: Path, progress: Callable[[str, float, float], None] | None = None) -> LatencyTable:
    """Profile, or go on; refused visits are not repeated, so that all profiles hold equal rows."""
    protocol = TimingProtocol(warmup_min_ms=20, warmup_max_ms=200, min_samples=10, max_seconds=0.1)
    config = ProfileConfig(protocol=protocol, replicates=2, detectors=6, exploratory=True)
    return profile(
        make_space("detnas-nano", **OPTIONS),
        get_backend("onnxruntime"),
        config,
        path,
        space_options=OPTIONS,
        resume=True,
        progress=progress,
    )


# --- killed


def killed(folder: Path, kills: int, rng: np.random.Generator) -> dict[str, Any]:
    """Kill a profile so many times, let it finish, and compare it with an undisturbed one."""
    path, log = folder / "killed.jsonl", folder / "begun.txt"
    undisturbed = run(folder / "whole.jsonl")
    pause = len(undisturbed.rows) / (kills + 1)
    lost, at_end = [], []
    for number in range(kills):
        wanted = int(pause * (number + rng.uniform(0.5, 1.5)))
        kept, begun = kill_after(path, log, wanted, float(rng.uniform(0.0, 0.3)))
        lost.append(begun - kept)
        at_end.append(kept)
        print(f"kill {number + 1}: {kept} rows kept, {begun - kept} lost", flush=True)
        log.write_text("x\n" * kept)  # a visit that is repeated begins again
    before = read_table(path).rows
    resumed = run(path)
    keys = [row.visit for row in resumed.rows]
    print(f"{kills} kills lost {sum(lost)} measurements, {max(lost)} at most")
    return {
        "kills": kills,
        "rows": len(resumed.rows),
        "lost": lost,
        "lost_by_a_table_written_at_the_end": at_end,
        "rows_before_are_unchanged": resumed.rows[: len(before)] == before,
        "keys_equal_an_undisturbed_profile": keys == [row.visit for row in undisturbed.rows],
    }


def kill_after(path: Path, log: Path, rows: int, seconds: float) -> tuple[int, int]:
    """Kill a profile some time after it has so many rows; return rows kept, and visits begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), str(log)], cwd=ROOT, stderr=subprocess.DEVNULL
    )
    least = max(rows, lines_of(path))  # line 1 is no row: one more row at least
    until = time.monotonic() + WAIT_S
    while lines_of(path) <= least and process.poll() is None:
        if time.monotonic() > until:
            raise RuntimeError(f"the profile wrote no row within {WAIT_S:g} s")
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return len(read_table(path).rows), lines_of(log)


def lines_of(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


# --- damaged


def flip(lines: list[bytes], rng: np.random.Generator) -> tuple[list[bytes], int | None]:
    """Flip a bit of some byte; a line's own end excepted."""
    number = int(rng.integers(len(lines)))
    line = bytearray(lines[number])
    line[int(rng.integers(len(line) - 1))] ^= 1 << int(rng.integers(8))
    return [*lines[:number], bytes(line), *lines[number + 1 :]], number + 1


def digit(lines: list[bytes], rng: np.random.Generator) -> tuple[list[bytes], int | None]:
    """Change a digit: every line still is JSON."""
    number = int(rng.integers(1, len(lines)))
    line = bytearray(lines[number])
    places = [i for i, byte in enumerate(line) if chr(byte) in "123456789"]
    place = places[int(rng.integers(len(places)))]
    line[place] = ord("1") + (line[place] - ord("0")) % 9
    return [*lines[:number], bytes(line), *lines[number + 1 :]], number + 1


def cut(lines: list[bytes], rng: np.random.Generator) -> tuple[list[bytes], int | None]:
    """Cut the end off; the line that is named is where the file ends."""
    content = b"".join(lines)
    left = content[: int(rng.integers(1, len(content) - 1))]
    return [left], None


def twice(lines: list[bytes], rng: np.random.Generator) -> tuple[list[bytes], int | None]:
    """Write a row twice."""
    number = int(rng.integers(1, len(lines)))
    return [*lines[: number + 1], lines[number], *lines[number + 1 :]], number + 2


def schema(lines: list[bytes], rng: np.random.Generator) -> tuple[list[bytes], int | None]:
    """Name another schema."""
    other = b'"detfit.latency-table/%d"' % rng.integers(4, 1000)
    return [re.sub(rb'"detfit\.latency-table/\d+"', other, lines[0], count=1), *lines[1:]], 1


DAMAGES: dict[str, Damage] = {
    "a flipped bit": flip,
    "a changed digit": digit,
    "the end cut off": cut,
    "a line twice": twice,
    "another schema": schema,
}


def damaged(whole: Path, kind: str, count: int, rng: np.random.Generator) -> dict[str, Any]:
    """Damage copies of a table in one way; count what reading refuses and names."""
    lines = whole.read_bytes().splitlines(keepends=True)
    row = _counts(kind, count) | {"silent": []}
    copy, fields = whole.with_name("damaged.jsonl"), fields_of(lines)
    for _ in range(count):
        changed, number = DAMAGES[kind](lines, rng)
        copy.write_bytes(b"".join(changed))
        row["json"] += not is_json_lines(b"".join(changed))
        try:
            read_table(copy)
        except TableError as error:
            row["refused"] += 1
            told = re.search(r", line (\d+)", str(error))
            row["line"] += told is not None and number in (None, int(told[1]))
            row["field"] += names_field(str(error), fields)
        else:
            row["silent"].append(number)
    return row


def _counts(kind: str, tried: int) -> dict[str, Any]:
    return {"damage": kind, "tried": tried, "refused": 0, "line": 0, "field": 0, "json": 0}


def fields_of(lines: list[bytes]) -> set[str]:
    """Return the names of all fields of a table."""
    return {name.decode() for name in re.findall(rb'"(\w+)":', b"".join(lines))}


def names_field(message: str, fields: set[str]) -> bool:
    """Return whether a refusal names a field, be it one that should not be there."""
    words = re.findall(r"\w+", message.partition(", line ")[2])
    return "field" in words or bool(fields.intersection(words))


def is_json_lines(content: bytes) -> bool:
    """Return whether a reader that takes every line as JSON would read this."""
    try:
        return all(json.loads(line) is not None for line in content.splitlines())
    except ValueError:
        return False


def other_device(whole: Path) -> dict[str, Any]:
    """Go on with a table of another board, driver, thread count...: field by field."""
    table = read_table(whole)
    row = _counts("another device", 0)
    for field, manifest in other_manifests(table):
        row["tried"] += 1
        copy = whole.with_name("other.jsonl")
        shutil.copy(whole, copy)
        try:
            with TableWriter(copy, manifest, resume=True):
                pass
        except LatencyError as error:
            row["refused"] += 1
            row["line"] += ", line 1:" in str(error)
            row["field"] += field in str(error)
    return row


def other_manifests(table: LatencyTable) -> Iterator[tuple[str, Manifest]]:
    manifest = table.manifest
    for name in ("uuid", "name", "driver", "engine_version", "engine", "os"):
        yield f"device.{name}", replace(manifest, device=replace(manifest.device, **{name: "X"}))
    for name, value in (("threads", 2), ("max_seconds", 9.0)):
        protocol = replace(manifest.protocol, **{name: value})
        yield f"protocol.{name}", replace(manifest, protocol=protocol)
    yield "batch", replace(manifest, batch=2)
    yield "seed", replace(manifest, seed=7)


if __name__ == "__main__":
    typer.run(main)
