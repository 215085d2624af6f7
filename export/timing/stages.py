"""Time the way from image files to objects, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from searchspaces import IMAGE

from ..records.times import EndToEnd, StageTimes

if TYPE_CHECKING:
    from detection import CocoImage
    from engines import Engine

    from ..comparison.data import EvaluationData
    from ..running.session import Session

PHOTOGRAPHS = 8
"""Distinct images that take turns: how long boxes take to select depends on the image."""

STAGES = ("decode", "preprocess", "engine", "postprocess")
MIN_ROUNDS, MAX_RUNS = 2, 2000
SECONDS = 10.0
"""What rounds of runs may take, unless an engine's protocol allows less."""

Clock = Callable[[], float]


def choose_images(
    data: EvaluationData, batch: int, count: int = PHOTOGRAPHS
) -> tuple[tuple[CocoImage, ...], ...]:
    """Return the images of each run, evenly spread over the data, each at most once.

    Args:
        data: The images; where they are fewer than a batch they are repeated in it.
        batch: Images of a run.
        count: Runs with different images, at most.
    """
    images = data.annotations.images
    runs = max(1, min(count, len(images) // batch))
    wanted = runs * batch
    step = max(1.0, len(images) / wanted)
    chosen = [images[int(index * step) % len(images)] for index in range(wanted)]
    return tuple(tuple(chosen[first : first + batch]) for first in range(0, wanted, batch))


def time_stages(
    session: Session[Engine],
    data: EvaluationData,
    *,
    count: int = PHOTOGRAPHS,
    seconds: float = SECONDS,
    clock: Clock = time.perf_counter,
) -> EndToEnd:
    """Time decoding, preprocessing, the engine and postprocessing of real images.

    The first round is not counted: it puts the files into the system's cache, as a camera's
    frames are in memory, and warms up the engine.

    Args:
        session: The engine with its pre- and postprocessing.
        data: The images.
        count: Runs with different images, at most.
        seconds: Rounds begin until so many have passed; at least two rounds are timed.
        clock: Seconds; for tests.

    Raises:
        DatasetError: An image is damaged.
        DetectError: The engine gives something else than detections.
        EngineError: The engine cannot be run.
    """
    groups = choose_images(data, session.batch, count)
    for group in groups:
        _time_run(session, data, group, clock)
    samples: list[list[float]] = []
    started = clock()
    for done in range(max(MIN_ROUNDS, MAX_RUNS // len(groups))):
        if done >= MIN_ROUNDS and clock() - started >= seconds:
            break
        samples.extend(_time_run(session, data, group, clock) for group in groups)
    stages = zip(STAGES, zip(*samples, strict=True), strict=True)
    return EndToEnd(
        images=len({image.id for group in groups for image in group}),
        batch=session.batch,
        runs=len(samples),
        stages=tuple(StageTimes.of(name, taken) for name, taken in stages),
        total=StageTimes.of("total", [sum(taken) for taken in samples]),
    )


def _time_run(
    session: Session[Engine], data: EvaluationData, images: Sequence[CocoImage], clock: Clock
) -> list[float]:
    """Return the milliseconds of every stage of one run."""
    marks = [clock()]
    loaded = [data.dataset.load(image) for image in images]
    marks.append(clock())
    inputs, letterboxes = session.prepare(loaded)
    marks.append(clock())
    outputs = session.engine.run({IMAGE: inputs})
    marks.append(clock())
    session.finish(outputs, letterboxes)
    marks.append(clock())
    return [(end - begin) * 1e3 for begin, end in pairwise(marks)]
