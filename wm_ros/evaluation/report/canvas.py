"""Matplotlib's figures as SVG that becomes part of a page."""

from contextlib import contextmanager
from html import escape
import io
import re

from wm_ros.evaluation.report.html import Html

INK, SOFT, LINE = '#1c2329', '#5b6670', '#dde2e6'
GOOD, BAD = '#2f6b9a', '#b4472f'
WIDTH = 10.2            # [in] of a figure as wide as the page

_STYLE = {
    # Text stays text: it takes the page's own font, and can be searched and copied.
    'svg.fonttype': 'none', 'font.size': 9.5, 'text.color': INK, 'axes.labelcolor': SOFT,
    'axes.edgecolor': SOFT, 'axes.linewidth': 0.7, 'axes.titlesize': 10,
    'axes.titlelocation': 'left', 'axes.spines.top': False, 'axes.spines.right': False,
    'axes.grid': True, 'axes.axisbelow': True, 'grid.color': LINE, 'grid.linewidth': 0.7,
    'xtick.color': SOFT, 'ytick.color': SOFT, 'xtick.labelsize': 8.5, 'ytick.labelsize': 8.5,
    'legend.frameon': False, 'legend.fontsize': 8.5, 'lines.linewidth': 1.6}


@contextmanager
def canvas(width: float, height: float):
    """Yield an empty figure of so many inches; it has to be drawn inside of the block."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure
    with rc_context(_STYLE):
        yield Figure(figsize=(width, height), layout='constrained')


def inline(figure, name: str, said: str) -> Html:
    """
    Return ``figure`` as an element of a page.

    Its ids begin with ``name``, which no other figure of the page may have; ``said`` is read
    to those who do not see it.
    """
    from matplotlib import rc_context
    file = io.StringIO()
    with rc_context({'svg.hashsalt': name}):
        figure.savefig(file, format='svg', transparent=True, metadata={
            'Date': None, 'Creator': None, 'Format': None, 'Type': None})
    text = file.getvalue()
    text = re.sub(r'<metadata>.*?</metadata>|<!--.*?-->', '', text[text.index('<svg'):],
                  flags=re.DOTALL)
    for mark in (' id="', 'url(#', 'href="#'):
        text = text.replace(mark, f'{mark}{name}-')
    return Html(text.replace('<svg ', f'<svg role="img" aria-label="{escape(said)}" ', 1))
