"""Checking a data folder before a training: counts, and everything that would stop it or hurt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..annotations import AnnotationReport
from ..layout import CLASSIFICATION, detect_layout
from .images import ImageFinding, Progress, check_image_files, same_content, size_problem
from .members import Member, read_classified, read_detection
from .objects import ClassCount, ObjectStats, object_stats


@dataclass(frozen=True, slots=True)
class DamagedImage:
    """Name an image file and say what is wrong with it."""

    file: str
    problem: str


@dataclass(frozen=True, slots=True)
class ImagesCheck:
    """Hold what the image files of one split are like.

    Attributes:
        images: How many the split names.
        missing: Names of files that are not there.
        damaged: Files that cannot be read or have another size than the annotations say.
    """

    images: int
    missing: tuple[str, ...]
    damaged: tuple[DamagedImage, ...]

    @property
    def problems(self) -> tuple[str, ...]:
        """Return what would stop a training."""
        found = []
        if self.missing:
            found.append(f"image files missing: {len(self.missing)}, first {self.missing[0]}")
        if self.damaged:
            first = self.damaged[0]
            found.append(
                f"image files damaged: {len(self.damaged)}, first {first.file}: {first.problem}"
            )
        return tuple(found)


@dataclass(frozen=True, slots=True)
class SplitCheck:
    """Hold what one split is like.

    Attributes:
        name: Of the split.
        files: Its image files; None where the annotations cannot be read.
        report: Its annotations; None where they cannot be read, and of classified images.
        objects: Its objects, likewise.
        classes: Classes with their counts; of classified images, ``objects`` is 0.
        problems: What would stop a training, one line each.
    """

    name: str
    files: ImagesCheck | None
    report: AnnotationReport | None
    objects: ObjectStats | None
    classes: tuple[ClassCount, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DataCheck:
    """Hold what a data folder is like.

    Attributes:
        path: The folder.
        layout: As `detect_layout` says.
        splits: Those that were checked.
        duplicate_images: Groups of files with equal bytes, across the splits; empty after a
            quick check.
        quick: Whether only the headers of image files were read.
        problems: Of the folder as a whole.
    """

    path: Path
    layout: str
    splits: tuple[SplitCheck, ...]
    duplicate_images: tuple[tuple[str, ...], ...]
    quick: bool
    problems: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Return whether nothing would stop a training."""
        return not self.problems and not any(split.problems for split in self.splits)


def check_data(
    folder: str | Path,
    splits: Sequence[str] = (),
    *,
    quick: bool = False,
    threads: int = 1,
    progress: Progress | None = None,
) -> DataCheck:
    """Check the annotations and read every image file of a data folder.

    Damage is part of the result, not an error.

    Args:
        folder: Of any layout that `detect_layout` knows.
        splits: Their names; all that the folder's layout has, each year on its own, if empty.
        quick: Whether to read only the headers of image files.
        threads: That read image files.
        progress: Called as ``progress(message, done, total)`` in files.

    Raises:
        DatasetError: The folder is missing or of no known layout, or a split is unknown.
    """
    folder = Path(folder)
    layout = detect_layout(folder)
    read = read_classified if layout == CLASSIFICATION else read_detection
    members = read(folder, splits)
    paths = [path for member in members for path in member.paths]
    findings = check_image_files(paths, quick=quick, threads=threads, progress=progress)
    return DataCheck(
        folder,
        layout,
        tuple(_checked(member, findings) for member in members),
        tuple(
            tuple(path.relative_to(folder).as_posix() for path in group)
            for group in same_content(findings)
        ),
        quick,
        _class_problems(members),
    )


def _checked(member: Member, findings: Mapping[Path, ImageFinding]) -> SplitCheck:
    if member.problem:
        return SplitCheck(member.name, None, None, None, (), (member.problem,))
    files = _images(member, findings)
    if member.annotations is None:
        return SplitCheck(member.name, files, None, None, _classified(member), files.problems)
    report, stats = member.annotations.report(), object_stats(member.annotations)
    empty = () if report.usable else ("no object to learn from or to measure on",)
    problems = (*files.problems, *empty)
    return SplitCheck(member.name, files, report, stats, stats.classes, problems)


def _images(member: Member, findings: Mapping[Path, ImageFinding]) -> ImagesCheck:
    missing, damaged = [], []
    for name, hw in member.sizes.items():
        finding = findings.get(member.root / name)
        problem = "" if finding is None else size_problem(finding, hw)
        if finding is None:
            missing.append(name)
        elif problem:
            damaged.append(DamagedImage(name, problem))
    return ImagesCheck(len(member.sizes), tuple(missing), tuple(damaged))


def _classified(member: Member) -> tuple[ClassCount, ...]:
    counts = Counter(member.labels)
    return tuple(
        ClassCount(name, 0, counts[label], (0, 0, 0))
        for label, name in enumerate(member.class_names)
    )


def _class_problems(members: Sequence[Member]) -> tuple[str, ...]:
    """Tell of splits whose labels mean different classes."""
    readable = [member for member in members if not member.problem]
    return tuple(
        f"{member.name} has other classes than {readable[0].name}: labels would not fit"
        for member in readable[1:]
        if member.class_names != readable[0].class_names
    )
