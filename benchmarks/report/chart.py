"""The report's picture: rows per second of every line with the standard file, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

from benchmarks.plan import Mode
from benchmarks.results import Line, Run

__all__ = ["chart"]

_WIDTH = 900
_LEFT = 290
_RIGHT = 110
_ROW = 26
_TOP = 56
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1f2328}.small{font-size:12px;fill:#59636e}"
    ".title{font-size:15px;font-weight:600}.ours{fill:#1a7f5a}.peer{fill:#8c959f}"
    ".spread{stroke:#1f2328;stroke-width:1.2}.axis{stroke:#d1d9e0}"
    "@media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.spread{stroke:#e6edf3}"
    ".axis{stroke:#3d444d}.ours{fill:#3fb68b}.peer{fill:#6e7681}}"
)


def chart(run: Run, mode: Mode) -> str:
    """Return bars of the median, fastest first, with a line from the slowest to the fastest round."""
    lines = _shown(run, mode)
    height = _TOP + _ROW * len(lines) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_WIDTH} {height}" role="img">',
        f"<style>{_STYLE}</style>",
        f'<text class="title" x="12" y="24">Rows per second, standard file of {mode.compare} MiB</text>',
        f'<text class="small" x="12" y="42">median of {run.rounds} rounds; thin lines span all</text>',
    ]
    if lines:
        parts.extend(_bars(lines))
    return "\n".join([*parts, "</svg>", ""])


def _shown(run: Run, mode: Mode) -> list[Line]:
    standard = f"standard-{mode.compare}."
    lines = [line for line in run.lines.values() if line.measured and line.workload.startswith(standard)]
    return sorted(lines, key=lambda line: -line.rows_per_second)


def _bars(lines: Sequence[Line]) -> list[str]:
    scale = (_WIDTH - _LEFT - _RIGHT) / max(line.rows / line.fastest for line in lines)
    bottom = _TOP + _ROW * len(lines)
    parts = [f'<line class="axis" x1="{_LEFT}" y1="{_TOP}" x2="{_LEFT}" y2="{bottom}"/>']
    for i, line in enumerate(lines):
        y = _TOP + _ROW * i
        slow, fast = (_LEFT + scale * line.rows / seconds for seconds in (line.slowest, line.fastest))
        kind = "ours" if line.contender.startswith("batch worker") else "peer"
        parts += [
            f'<text x="{_LEFT - 10}" y="{y + 17}" text-anchor="end">{escape(line.title)}</text>',
            f'<rect class="{kind}" x="{_LEFT}" y="{y + 4}" width="{scale * line.rows_per_second:.1f}" '
            f'height="{_ROW - 8}" rx="2"/>',
            f'<line class="spread" x1="{slow:.1f}" y1="{y + 13}" x2="{fast:.1f}" y2="{y + 13}"/>',
            f'<text class="small" x="{fast + 8:.1f}" y="{y + 17}">{line.rows_per_second:,.0f}</text>',
        ]
    return parts
