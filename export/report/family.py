"""Where the front came from: parents and mutations of its members, back to the first samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .chart_layout import Figure, chart_layout, plain
from .markup import details, note, table

if TYPE_CHECKING:
    from search import Evaluation, SearchResult

    from .data import Front

MOST_GENES = 3
"""Changed genes that are written out; of more, their number is."""

MOST_ROWS = 400
"""Relatives that the table lists; a long evolution has more."""


@dataclass(frozen=True, slots=True)
class Relative:
    """Hold a member of the front, or one that a member descends from.

    Attributes:
        code: Of the architecture.
        evaluation: Its zero-based place in the order of proposals.
        cost: Its cost, as on the front.
        accuracy: Its accuracy, as on the front.
        how: How it was made.
        parents: Codes of what it was made of.
        changed: What differs from the nearest parent.
        generation: Steps from the furthest sample that it descends from.
        on_front: Whether it is a member of the front.
    """

    code: str
    evaluation: int
    cost: float
    accuracy: float
    how: str
    parents: tuple[str, ...]
    changed: str
    generation: int
    on_front: bool


@dataclass(frozen=True, slots=True)
class Family:
    """Hold the ancestors of a front.

    Attributes:
        relatives: The front's members and all that they descend from, in the order of proposals.
        cost_title: Name and unit of the cost.
        accuracy_name: Name of the accuracy.
    """

    relatives: tuple[Relative, ...]
    cost_title: str
    accuracy_name: str


def family_of(result: SearchResult, front: Front, columns: tuple[int, int]) -> Family | None:
    """Return the family tree of a front; ``None`` where the run recorded no parents.

    Args:
        result: The run.
        front: Its front.
        columns: Places of cost and accuracy among its objectives.
    """
    members = {mark.label for mark in front.marks if not mark.dominated}
    known = {e.code: e for e in result.history if e.birth is not None and e.status == "ok"}
    if not members & known.keys():
        return None
    line = sorted(_ancestors(members, known), key=lambda e: e.index)
    generations: dict[str, int] = {}
    relatives = []
    for each in line:  # parents were proposed before their children
        parents = tuple(code for code in _parents(each) if code in known)
        older = [generations.get(code, 0) for code in parents]
        generations[each.code] = 1 + max(older, default=-1)
        relatives.append(
            Relative(
                code=each.code,
                evaluation=each.index,
                cost=each.values[columns[0]],
                accuracy=each.values[columns[1]],
                how="" if each.birth is None else each.birth.how,
                parents=parents,
                changed=_changed(each, [known[code] for code in parents]),
                generation=generations[each.code],
                on_front=each.code in members,
            )
        )
    return Family(tuple(relatives), front.cost_title, front.accuracy_name)


def family_figure(family: Family) -> Figure:
    """Draw a line from every parent to its child, in the plane of cost and accuracy."""
    place = {each.code: (each.cost, each.accuracy) for each in family.relatives}
    across: list[float | None] = []
    up: list[float | None] = []
    for each in family.relatives:
        for parent in each.parents:
            across += [place[parent][0], each.cost, None]
            up += [place[parent][1], each.accuracy, None]
    lines = {
        "type": "scatter",
        "mode": "lines",
        "name": "from parent to child",
        "x": across,
        "y": up,
        "line": {"color": "@muted", "width": 1},
        "hoverinfo": "skip",
    }
    sides = (
        ("ancestors", "@muted", 7, [each for each in family.relatives if not each.on_front]),
        ("front", "@series1", 10, [each for each in family.relatives if each.on_front]),
    )
    traces = [_marks(name, colour, size, some) for name, colour, size, some in sides if some]
    layout = chart_layout(plain(family.cost_title), plain(family.accuracy_name), height=420)
    return {"data": [*([lines] if across else []), *traces], "layout": layout}


def family_html(family: Family | None, chart: str) -> str:
    """Return the family tree of the front: its chart, and every step as a table."""
    if family is None:
        return ""
    shown = family.relatives[-MOST_ROWS:]
    rows = [
        (
            each.code,
            str(each.evaluation),
            f"{each.cost:.4g}",
            f"{each.accuracy:.2f}",
            each.how,
            " and ".join(each.parents) or "-",
            each.changed or "-",
            str(each.generation),
            "yes" if each.on_front else "no",
        )
        for each in shown
    ]
    heads = (
        "architecture",
        "evaluation",
        family.cost_title,
        family.accuracy_name,
        "made by",
        "parents",
        "changed",
        "generation",
        "on the front",
    )
    listed = table("The front and its ancestors", heads, rows, wrap=(0, 4, 5, 6))
    return note(_summary(family)) + chart + details("Parents and mutations as a table", listed)


def _summary(family: Family) -> str:
    front = [each for each in family.relatives if each.on_front]
    drawn = sum(not each.parents for each in front)
    oldest = max(each.generation for each in front)
    steps = "1 generation" if oldest == 1 else f"{oldest} generations"
    left_out = len(family.relatives) - MOST_ROWS
    cut = f" The table leaves out the first {left_out}." if left_out > 0 else ""
    return (
        f"Members of the front: {len(front)}, drawn without a parent: {drawn}; the others descend "
        f"from what was evaluated before, the longest line over {steps}. Ancestors that are not "
        f"on the front: {len(family.relatives) - len(front)}.{cut}"
    )


def _ancestors(members: set[str], known: Mapping[str, Evaluation]) -> list[Evaluation]:
    found: dict[str, Evaluation] = {}
    todo = [code for code in members if code in known]
    while todo:  # ends: every turn takes one of finitely many
        code = todo.pop()
        if code not in found:
            found[code] = known[code]
            todo += [parent for parent in _parents(known[code]) if parent in known]
    return list(found.values())


def _parents(evaluation: Evaluation) -> tuple[str, ...]:
    return () if evaluation.birth is None else evaluation.birth.parents


def _changed(child: Evaluation, parents: Sequence[Evaluation]) -> str:
    """Return what differs from the nearest parent: ``gene 3: 0 to 2``."""
    genes = child.architecture.genes
    same = [p for p in parents if len(p.architecture.genes) == len(genes)]
    if not same:
        return "another number of genes" if parents else ""
    places = [
        [i for i, (a, b) in enumerate(zip(p.architecture.genes, genes, strict=True)) if a != b]
        for p in same
    ]
    nearest, changed = min(zip(same, places, strict=True), key=lambda pair: len(pair[1]))
    if len(changed) > MOST_GENES:
        return f"{len(changed)} of {len(genes)} genes"
    before = nearest.architecture.genes
    return ", ".join(f"gene {i + 1}: {before[i]} to {genes[i]}" for i in changed)


def _marks(name: str, colour: str, size: int, some: Sequence[Relative]) -> Figure:
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "x": [each.cost for each in some],
        "y": [each.accuracy for each in some],
        "text": [plain(f"{each.code}: {each.how}") for each in some],
        "marker": {"color": colour, "size": size},
        "hovertemplate": "%{text}<br>%{x:.3f}<br>%{y:.2f}<extra></extra>",
    }
