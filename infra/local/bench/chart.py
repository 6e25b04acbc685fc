"""The figures against their goals as a picture, drawn from docs/performance.json: docs/performance.svg."""

import math
from collections.abc import Mapping
from html import escape

from infra.local.bench.measures import FIGURES, MEASURES, Told

CHART = FIGURES.with_suffix(".svg")
WIDTH, ROW, TEXT, LEAST, MOST = 960, 24, 560, 0.01, 10.0
SCALE = (WIDTH - TEXT - 20) / math.log10(MOST / LEAST)


def _place(share: float) -> float:
    """Where a share of the goal lies; each step of ten is as wide as the next."""
    return TEXT + SCALE * math.log10(min(max(share, LEAST), MOST) / LEAST)


def drawn(measures: Mapping[str, Told]) -> str:
    """A bar for each figure, as long as its share of the goal, and a line where the goal is reached."""
    lines, y = list[str](), ROW
    for key, one in MEASURES.items():
        figure = measures.get(key, {}).get("figure")
        if not figure or one.goal is None:
            continue
        share = figure / one.goal if one.high else one.goal / figure
        colour = "#2a7a4b" if one.reached(figure) else "#b4552d"
        title = escape(one.title.replace("`", ""))
        lines += [
            f'<text x="{TEXT - 8}" y="{y + 16}" text-anchor="end">{title}</text>',
            f'<rect x="{TEXT}" y="{y + 4}" width="{_place(share) - TEXT:.1f}" height="{ROW - 8}" fill="{colour}">'
            f"<title>{one.shown(figure)}</title></rect>",
        ]
        y += ROW
    goal = _place(1)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y + 8}" font-family="sans-serif"'
    frame = [
        f'<rect width="{WIDTH}" height="{y + 8}" fill="#fff"/>',
        f'<text x="{goal:.1f}" y="16" text-anchor="middle">goal</text>',
        *lines,
        f'<line x1="{goal:.1f}" y1="20" x2="{goal:.1f}" y2="{y + 4}" stroke="#000" stroke-dasharray="3 3"/>',
    ]
    return "\n".join([f'{head} font-size="12">', *frame, "</svg>", ""])
