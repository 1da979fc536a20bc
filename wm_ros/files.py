"""Files that are written whole or not at all."""

from contextlib import contextmanager
import json
import math
import os
from pathlib import Path
from typing import Iterator, Union

import yaml


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """
    Yield where to write; it takes the place of ``path`` when the block has ended well.

    The path that is yielded ends in ``.partial``: nobody takes it for a finished file.  Links
    stay, and what they lead to is written.
    """
    path = Path(os.path.realpath(path))
    partial = path.with_name(f'{path.name}.partial')
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_json(path: Union[None, str, Path], figures):
    """
    Write ``figures`` to ``path``, whole or not at all; None writes nothing.

    Numbers that are not finite become null: JSON knows none.
    """
    if not path:
        return
    write_text(path, json.dumps(_finite(figures), indent=1, allow_nan=False) + '\n')


def write_text(path: Union[str, Path], text: str):
    """Write ``text`` to ``path``, whole or not at all; what is no file, /dev/null, stays."""
    if os.path.exists(path) and not os.path.isfile(path):
        Path(path).write_text(text, encoding='utf-8')
        return
    with whole(Path(path)) as partial:
        partial.write_text(text, encoding='utf-8')


def load_yaml(text: str):
    """
    Return what YAML ``text`` says, as ``yaml.safe_load``.

    Raises yaml.YAMLError for mistakes, and for a key that a mapping has twice: of two values one
    would be lost without a word.
    """
    return yaml.load(text, _Once)   # noqa: S506 (a SafeLoader)


class _Once(yaml.SafeLoader):
    """Refuses keys that are given twice."""

    def construct_mapping(self, node, deep=False):
        """Return the mapping of a node."""
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != 'tag:yaml.org,2002:merge':
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f'got {key.value} twice, expected it once', key.start_mark)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _finite(value):
    if isinstance(value, dict):
        return {name: _finite(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
