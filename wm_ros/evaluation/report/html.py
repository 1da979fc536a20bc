"""Elements of a page, in which all text is escaped, and the page's style."""

import base64
from html import escape
import math
from typing import Any, Iterable, Sequence, Tuple

_VOID = ('img', 'meta', 'br')


class Html(str):
    """Text that is HTML; all other text is escaped where it becomes part of an element."""


def join(*parts: Any) -> Html:
    """Return parts one after another: HTML as it is, text escaped, None as nothing."""
    return Html(''.join(part if isinstance(part, Html) else escape(str(part))
                        for part in parts if part is not None))


def tag(name: str, /, *children: Any, **attributes: Any) -> Html:
    """
    Return an element; ``class_='x'`` is its class.

    An attribute that is True has no value, one that is None or False is left out.
    """
    told = ''.join(
        f' {key.rstrip("_").replace("_", "-")}'
        + ('' if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items() if value is not None and value is not False)
    if name in _VOID:
        return Html(f'<{name}{told}>')
    return Html(f'<{name}{told}>{join(*children)}</{name}>')


def table(columns: Sequence[Tuple[str, bool]], rows: Iterable[Sequence[Any]]) -> Html:
    """Return a table; a column is its title, and whether it holds numbers."""
    sides = ['number' if numbers else None for _, numbers in columns]
    head = tag('tr', *(tag('th', title, class_=side, scope='col')
                       for (title, _), side in zip(columns, sides)))
    body = (tag('tr', *(tag('td', cell, class_=side) for cell, side in zip(row, sides)))
            for row in rows)
    return tag('div', tag('table', tag('thead', head), tag('tbody', *body)), class_='wide')


def pairs(rows: Iterable[Tuple[str, Any]]) -> Html:
    """Return a list of names and what each is."""
    return tag('dl', *(tag('div', tag('dt', name), tag('dd', value)) for name, value in rows))


def cards(rows: Iterable[Tuple[str, str, str]]) -> Html:
    """Return figures that are seen first: what it is, the figure, what stands below it."""
    return tag('div', *(tag('div', tag('span', name, class_='name'),
                            tag('span', figure, class_='figure'),
                            tag('span', below, class_='below'), class_='card')
                        for name, figure, below in rows), class_='cards')


def section(title: str, *children: Any) -> Html:
    """Return a part of the page with its title."""
    return tag('section', tag('h2', title), *children)


def note(*text: Any) -> Html:
    """Return a sentence on how to read what follows."""
    return tag('p', *text, class_='note')


def data(kind: str, content: bytes) -> str:
    """Return the address of content that stands in the page itself."""
    return f'data:{kind};base64,{base64.b64encode(content).decode()}'


def number(value: Any, digits: int = 3, unit: str = '', sign: bool = False) -> str:
    """Return a figure as text, a dash where there is none."""
    if value is None or isinstance(value, float) and math.isnan(value):
        return '–'
    if isinstance(value, float) and math.isinf(value):
        text = '∞'
    else:
        value = round(value, digits) or 0.0     # no -0.0
        text = f'{value:{"+" if sign and value else ""}.{digits}f}'.replace('-', '−')
    return f'{text} {unit}'.strip()


def short(value: float) -> str:
    """Return a number with as many digits as are of use."""
    return f'{value:.3g}'.replace('-', '−')


def interval(ends: Sequence[float], digits: int = 3, unit: str = '', sign: bool = False) -> str:
    """Return both ends of an interval as text."""
    return f'{number(ends[0], digits, "", sign)} to {number(ends[1], digits, unit, sign)}'


def seeds(first: int, count: int) -> str:
    """Return which seeds as many episodes from ``first`` on have."""
    return f'seed {first}' if count == 1 else f'seeds {first} to {first + count - 1}'


def document(title: str, *children: Any) -> str:
    """Return the whole page."""
    head = tag('head', tag('meta', charset='utf-8'),
               tag('meta', name='viewport', content='width=device-width, initial-scale=1'),
               tag('title', title), tag('style', Html(_STYLE)))
    body = tag('body', tag('main', *children))
    return '<!DOCTYPE html>\n' + tag('html', head, body, lang='en') + '\n'


_STYLE = """
:root { --ink: #1c2329; --soft: #5b6670; --line: #dde2e6; --pale: #f5f7f8; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink); font: 15px/1.55 system-ui, -apple-system,
  "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 44px 28px 72px; }
h1 { margin: 0; font-size: 28px; font-weight: 650; letter-spacing: -0.01em; }
h2 { margin: 42px 0 10px; padding-top: 14px; border-top: 1px solid var(--line); font-size: 19px;
  font-weight: 650; }
h3 { margin: 0 0 6px; font-size: 15px; font-weight: 650; }
p { margin: 0 0 12px; max-width: 88ch; }
.lead, .note, .soft, footer { color: var(--soft); }
.lead { margin-top: 4px; }
.note, footer { font-size: 13.5px; }
code { font: 13px ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
  overflow-wrap: anywhere; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(180px, 1fr)); gap: 12px;
  margin: 26px 0; }
.card { display: flex; flex-direction: column; padding: 14px 16px; background: var(--pale);
  border-radius: 6px; }
.name, .below { color: var(--soft); font-size: 13px; }
.figure { font-size: 27px; font-weight: 600; line-height: 1.35; }
.card, table, dd { font-variant-numeric: tabular-nums; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(215px, 1fr)); gap: 8px 24px;
  margin: 0 0 12px; }
dt { color: var(--soft); font-size: 13px; }
dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; margin: 12px 0; }
table { border-collapse: collapse; min-width: 50%; font-size: 14px; }
th { padding: 6px 20px 6px 0; border-bottom: 1px solid var(--ink); color: var(--soft);
  font-weight: 500; font-size: 13px; text-align: left; vertical-align: bottom; }
td { padding: 5px 20px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; }
th.number, td.number { text-align: right; white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; }
figure { margin: 14px 0; }
figcaption { color: var(--soft); font-size: 13.5px; }
svg { display: block; max-width: 100%; height: auto; }
svg text { font-family: inherit !important; }
details { margin: 8px 0; }
summary { cursor: pointer; color: var(--soft); font-size: 13.5px; }
.film { display: grid; grid-template-columns: 256px 1fr; gap: 6px 22px; margin: 22px 0;
  padding-bottom: 22px; border-bottom: 1px solid var(--line); }
.film:last-child { border-bottom: 0; }
.film video { width: 256px; height: 256px; border-radius: 4px; background: var(--pale); }
.film img { width: 100%; max-width: 740px; border-radius: 4px; }
.verdict { display: inline-block; width: 9px; height: 9px; margin-right: 7px;
  border-radius: 50%; background: #2f6b9a; }
.lost { background: #b4472f; }
footer { margin-top: 56px; padding-top: 14px; border-top: 1px solid var(--line); }
@media (max-width: 720px) { .film { grid-template-columns: 1fr; } }
@media print { main { max-width: none; padding: 0; } h2, .film, figure { break-inside: avoid; } }
"""
