"""The code follows the style of ROS: by ament_flake8 itself where ROS is installed."""

from importlib.util import find_spec
import subprocess
import sys

import pytest
from style import checked_paths, ROOT

# As `flake8 --version` names them, in lower case, with '-' for '_'.
PLUGINS = ('blind-except', 'builtins', 'comprehensions', 'deprecated', 'docstrings',
           'import-order', 'quotes')


@pytest.mark.flake8
@pytest.mark.linter
def test_flake8():
    arguments = ['--config', str(ROOT / '.flake8'), *checked_paths()]
    if find_spec('ament_flake8'):
        from ament_flake8.main import main_with_errors
        code, errors = main_with_errors(argv=arguments)
        assert code == 0, f'{len(errors)} code style errors:\n' + '\n'.join(errors)
    else:
        result = flake8(*arguments)
        assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.flake8
@pytest.mark.linter
def test_flake8_has_the_plugins_that_ament_runs_with():
    # An absent plugin finds nothing, so the test above would pass without looking.
    version = flake8('--version').stdout.replace('-\n', '-').replace('_', '-').lower()
    missing = [name for name in PLUGINS if name not in version]
    assert not missing, f"flake8 lacks plugins {missing}: pip install -e '.[test]'"


def flake8(*arguments):
    return subprocess.run([sys.executable, '-m', 'flake8', *arguments],
                          capture_output=True, text=True, cwd=ROOT, check=False)
