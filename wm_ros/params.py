"""
Parameters: one specification validates launch, live changes, and training use.

``ParamSpec`` says what a value may be; ``check`` refuses anything else with a reason;
``load_files`` reads ROS parameter files (``<node or /**>: ros__parameters:``) without
ROS.  The table itself is ``wm_ros.param_table``.
"""

from dataclasses import dataclass, replace
import math
from pathlib import Path
from typing import Any, Dict, Iterable, Mapping, Optional, Tuple

from wm_ros.files import load_yaml
from wm_ros.types import ParameterError
import yaml

_KINDS = {
    'bool': 'a bool', 'int': 'an integer', 'double': 'a number', 'string': 'a string',
    'double_array': 'a list of numbers', 'string_array': 'a list of strings',
}


@dataclass(frozen=True)
class ParamSpec:
    """What one parameter may be; ``low`` and ``high`` are inclusive."""

    name: str
    kind: str                       # a key of _KINDS
    default: Any
    doc: str
    nodes: Tuple[str, ...]          # executables that have it
    unit: str = ''
    low: Optional[float] = None
    high: Optional[float] = None
    choices: Tuple[str, ...] = ()
    dynamic: bool = False           # may change while the node is active

    def check(self, value: Any) -> Any:
        """Return ``value`` in its proper type, or raise ParameterError with the reason."""
        if self.kind == 'bool':
            if not isinstance(value, bool):
                self._refuse(value, 'a bool')
            return value
        if self.kind in ('int', 'double'):
            return self._check_number(value, self.kind == 'int')
        if self.kind == 'string':
            if not isinstance(value, str):
                self._refuse(value, 'a string')
            if self.choices and value not in self.choices:
                self._refuse(value, f'one of {", ".join(self.choices)}')
            return value
        if isinstance(value, (str, bytes)) or not hasattr(value, '__iter__'):
            self._refuse(value, _KINDS[self.kind])
        if self.kind == 'string_array':
            if not all(isinstance(item, str) for item in value):
                self._refuse(value, _KINDS[self.kind])
            return list(value)
        return [self._check_number(item, False) for item in value]

    def _check_number(self, value, integer):
        wanted = _KINDS['int' if integer else 'double']
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self._refuse(value, wanted)
        # NaN passes every comparison below, so finiteness comes first.
        if not math.isfinite(value):
            self._refuse(value, f'{wanted}, finite')
        if integer and not isinstance(value, int):
            self._refuse(value, wanted)
        if ((self.low is not None and value < self.low)
                or (self.high is not None and value > self.high)):
            self._refuse(value, f'{wanted} {self.range_text()}')
        return value if integer else float(value)

    def range_text(self) -> str:
        """Return the range in words, '' when there is none."""
        unit = f' {self.unit}' if self.unit else ''
        if self.low is not None and self.high is not None:
            return f'from {self.low:g} to {self.high:g}{unit}'
        if self.low is not None:
            return f'of at least {self.low:g}{unit}'
        if self.high is not None:
            return f'of at most {self.high:g}{unit}'
        return ''

    def _refuse(self, value, wanted):
        raise ParameterError(f'parameter {self.name}: got {value!r}, expected {wanted}')


class ParamTable:
    """
    The specifications of all nodes, looked up by name.

    ``families`` are specifications whose names have one free part, written ``*``, such
    as ``joint_limits.*.max_velocity``; they have no default.
    """

    def __init__(self, specs: Iterable[ParamSpec], families: Iterable[ParamSpec] = ()):
        self.specs = {spec.name: spec for spec in specs}
        self.families = tuple(families)

    def of_node(self, node: str) -> Dict[str, ParamSpec]:
        """Return the specifications that the executable ``node`` has."""
        return {name: spec for name, spec in self.specs.items() if node in spec.nodes}

    def find(self, node: str, name: str) -> ParamSpec:
        """Return the specification of ``name`` in ``node``; unknown names are errors."""
        spec = self.of_node(node).get(name) or self._of_family(node, name)
        if spec is None:
            raise ParameterError(f'{node} has no parameter {name!r}{self._hint(node, name)}')
        return spec

    def defaults(self, node: str) -> Dict[str, Any]:
        """Return the default of every parameter of ``node``."""
        return {name: spec.default for name, spec in self.of_node(node).items()}

    def resolve(self, node: str, values: Mapping[str, Any]) -> Dict[str, Any]:
        """Return defaults overlaid with ``values``, each checked."""
        resolved = self.defaults(node)
        for name, value in values.items():
            resolved[name] = self.find(node, name).check(value)
        return resolved

    def _of_family(self, node, name):
        for spec in self.families:
            first, last = spec.name.split('*')
            middle = name[len(first):len(name) - len(last)]
            if (node in spec.nodes and middle and name == f'{first}{middle}{last}'):
                return replace(spec, name=name)
        return None

    def _hint(self, node, name):
        from difflib import get_close_matches
        close = get_close_matches(name, self.of_node(node), n=1)
        return f'; did you mean {close[0]!r}?' if close else ''


def load_files(paths: Iterable[Path], node: str) -> Dict[str, Any]:
    """
    Return the parameters that ROS parameter files hold for ``node``, flattened with dots.

    Sections ``/**`` and ``node`` (with or without a leading slash or namespace) apply; a
    later file wins over an earlier one.  Raises ParameterError for a file that is missing
    or malformed.
    """
    merged: Dict[str, Any] = {}
    for path in paths:
        for section, values in _read(Path(path)).items():
            if section in ('/**', '/*') or section.rstrip('/').split('/')[-1] == node:
                merged.update(values)
    return merged


def sections(path: Path) -> Tuple[str, ...]:
    """Return the node sections of a ROS parameter file."""
    return tuple(_read(Path(path)))


def _read(path):
    try:
        content = load_yaml(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise ParameterError(
            f'parameter file {path}: cannot be read ({error.strerror})') from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        first = ' '.join(str(error).split())
        raise ParameterError(f'parameter file {path}: not valid YAML ({first})') from error
    if not isinstance(content, dict):
        raise ParameterError(
            f'parameter file {path}: got {type(content).__name__}, '
            'expected "<node>: ros__parameters: ..."')
    result = {}
    for section, body in content.items():
        inner = body.get('ros__parameters') if isinstance(body, dict) else None
        if not isinstance(inner, dict):
            raise ParameterError(
                f'parameter file {path}: section {section!r} has no "ros__parameters:" mapping')
        result[str(section)] = _flatten(inner)
    return result


def _flatten(tree, prefix=''):
    flat = {}
    for key, value in tree.items():
        name = f'{prefix}{key}'
        if isinstance(value, dict):
            flat.update(_flatten(value, f'{name}.'))
        else:
            flat[name] = value
    return flat
