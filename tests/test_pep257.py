"""Docstrings follow PEP 257 as ROS reads it: by ament_pep257 itself where it is installed."""

from importlib.util import find_spec
import subprocess
import sys

import pytest
from style import checked_paths, ROOT

# What ament_pep257 leaves out: the need for a docstring, and rules that others contradict.
IGNORED = 'D100,D101,D102,D103,D104,D105,D106,D107,D203,D212,D404'


@pytest.mark.pep257
@pytest.mark.linter
def test_pep257():
    if find_spec('ament_pep257'):
        from ament_pep257.main import main
        assert main(argv=checked_paths()) == 0, 'docstring errors: see above'
    else:
        result = subprocess.run(
            [sys.executable, '-m', 'pydocstyle', '--match', r'.*\.py',
             '--match-dir', r'[^\._].*', '--ignore', IGNORED, *checked_paths()],
            capture_output=True, text=True, cwd=ROOT, check=False)
        assert result.returncode == 0, result.stdout + result.stderr
