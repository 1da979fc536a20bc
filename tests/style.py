"""What the style tests check."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def checked_paths():
    """Return the folders and files with Python in them, as strings."""
    names = ('wm_ros', 'sim', 'launch', 'tests', 'benchmarks', 'docs', 'setup.py')
    return [str(ROOT / name) for name in names if (ROOT / name).exists()]
