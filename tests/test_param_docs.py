"""docs/parameters.md says what the table says."""

from pathlib import Path

from wm_ros.param_docs import markdown


def test_page_is_current():
    page = Path(__file__).parents[1] / 'docs' / 'parameters.md'
    assert page.read_text(encoding='utf-8') == markdown(), \
        'write it anew: python -m wm_ros.param_docs > docs/parameters.md'
