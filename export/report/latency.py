"""What a report says of latency: predicted and measured, module by module and stage by stage."""

from __future__ import annotations

from collections.abc import Sequence

from ..records.latency import ModuleShare
from ..records.times import Attribution, EndToEnd, LatencyReport
from .data import ReportData
from .markup import details, milliseconds, note, table


def latency_html(data: ReportData, chart: str) -> str:
    """Return where the time goes, as far as it is known."""
    latency = data.latency
    attribution = None if latency is None else latency.attribution
    parts = []
    if attribution is not None:
        parts += [note(_compared(attribution)), chart, _modules(attribution)]
    elif data.predicted is not None and data.predicted.breakdown:
        parts += [note(_predicted_only(latency)), chart, _shares(data.predicted.breakdown)]
    if latency is not None and latency.end_to_end is not None:
        parts.append(_stages(latency.end_to_end))
    return "\n".join(parts)


def _predicted_only(latency: LatencyReport | None) -> str:
    text = "Predicted milliseconds of every module of the chosen detector, as it runs."
    why = "" if latency is None else latency.note
    return f"{text} Not measured by module: {why}." if why else text


def _compared(attribution: Attribution) -> str:
    return (
        f"Predicted {attribution.predicted_ms:.3f} ms, measured {attribution.measured_ms:.3f} ms: "
        f"{attribution.explanation()}. Measured times of modules are from the engine's profile of "
        f"its {attribution.layers} layers, scaled to the latency without a profile."
    )


def _modules(attribution: Attribution) -> str:
    rows = [
        (
            gap.name,
            gap.part,
            milliseconds(gap.predicted_ms),
            milliseconds(gap.measured_ms) if gap.seen else "-",
            f"{gap.error_ms:+.3f}",
            _remark(gap.fused_with, seen=gap.seen),
        )
        for gap in attribution.modules
    ]
    heads = ("module", "part", "predicted ms", "measured ms", "error ms", "remark")
    caption = "Modules, the largest errors first"
    return details("The modules as a table", table(caption, heads, rows, wrap=(5,)))


def _remark(fused_with: Sequence[str], *, seen: bool) -> str:
    fused = f"fused with {', '.join(fused_with)}" if fused_with else ""
    return fused if seen else "no layer of it was seen"


def _shares(shares: Sequence[ModuleShare]) -> str:
    rows = [(share.name, milliseconds(share.ms), share.part) for share in shares]
    caption = "Modules in running order"
    return details(
        "The modules as a table", table(caption, ("module", "predicted ms", "part"), rows)
    )


def _stages(found: EndToEnd) -> str:
    rows = [
        (stage.name, *(milliseconds(ms) for ms in (stage.p50_ms, stage.p90_ms, stage.p99_ms)))
        for stage in (*found.stages, found.total)
    ]
    batch = f" in batches of {found.batch}" if found.batch > 1 else ""
    caption = (
        f"From image file to objects: {found.runs} runs over {found.images} photographs{batch}"
    )
    return table(caption, ("stage", "p50 ms", "p90 ms", "p99 ms"), rows, show=True)
