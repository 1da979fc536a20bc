"""What the README shows runs as it stands there."""

from pathlib import Path
import re

import numpy as np
import pytest
from wm_ros.cli import main

README = (Path(__file__).parents[1] / 'README.md').read_text(encoding='utf-8')


def test_the_library_example_runs():
    """Word for word; it ends with a plan of the horizon that it asked for."""
    code, = re.findall(r'```python\n(.*?)```', README, re.DOTALL)
    names = {}
    exec(compile(code, 'README.md', 'exec'), names)
    assert names['plan'].path.shape == (11, 3) and np.isfinite(names['plan'].path).all()
    names['arm'].scene.close()


VERBS = sorted(set(re.findall(r'(?<!launch )\bwm_ros ([a-z]+)\b', README)))


@pytest.mark.parametrize('verb', VERBS)
def test_the_verbs_exist(verb, capsys):
    """With the options that the README gives them."""
    with pytest.raises(SystemExit) as left:
        main([verb, '--help'])
    assert left.value.code == 0
    text = capsys.readouterr().out
    for line in re.findall(rf'wm_ros {verb} ([^\n`#)]*)', README):
        for option in re.findall(r'--[a-z-]+', line):
            assert option in text, f'{verb} {option}'
