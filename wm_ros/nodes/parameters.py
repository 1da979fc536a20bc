"""Parameters of a node, declared from the table and guarded by it."""

import sys
import threading
from typing import Any, Callable, Dict, Mapping, Optional

from rcl_interfaces.msg import (
    FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult)
from rclpy.node import Node
from rclpy.parameter import Parameter
from wm_ros.param_table import TABLE
from wm_ros.params import ParamSpec
from wm_ros.types import ParameterError

_TYPES = {
    'bool': Parameter.Type.BOOL, 'int': Parameter.Type.INTEGER,
    'double': Parameter.Type.DOUBLE, 'string': Parameter.Type.STRING,
    'double_array': Parameter.Type.DOUBLE_ARRAY, 'string_array': Parameter.Type.STRING_ARRAY,
}
_LARGEST_INT = 2 ** 63 - 1
# What rclpy itself declares or reads.
_FOREIGN = ('use_sim_time', 'start_type_description_service', 'qos_overrides.', 'bond_')


def descriptor(spec: ParamSpec) -> ParameterDescriptor:
    """Return what ROS tools show and check of a parameter."""
    unit = f' [{spec.unit}]' if spec.unit else ''
    notes = [] if spec.dynamic else ['Fixed while the node is configured.']
    if spec.choices:
        notes.append(f'One of {", ".join(spec.choices)}.')
    found = ParameterDescriptor(
        name=spec.name, type=_TYPES[spec.kind].value, description=spec.doc + unit,
        additional_constraints=' '.join(notes),
        # To rclpy an empty list is one of bytes: what the type may be is checked here alone.
        dynamic_typing=spec.default == [])
    if spec.low is None and spec.high is None:
        return found
    if spec.kind == 'int':
        found.integer_range = [IntegerRange(
            from_value=-_LARGEST_INT if spec.low is None else int(spec.low),
            to_value=_LARGEST_INT if spec.high is None else int(spec.high))]
    elif spec.kind == 'double':
        largest = sys.float_info.max
        found.floating_point_range = [FloatingPointRange(
            from_value=-largest if spec.low is None else float(spec.low),
            to_value=largest if spec.high is None else float(spec.high))]
    return found


class Parameters:
    """
    The parameters of one node: ``values`` are in use, changes wait for the next cycle.

    A set of changes is accepted or refused as a whole.  ``check`` is called with all values
    as they would be and raises ParameterError to refuse; ``fixed`` says whether those that
    are not dynamic may change now.
    """

    def __init__(self, node: Node, check: Callable[[Mapping[str, Any]], None],
                 fixed: Callable[[], bool]):
        self._node, self._check, self._fixed = node, check, fixed
        self._lock = threading.Lock()
        self._specs: Dict[str, ParamSpec] = dict(TABLE.of_node(node.executable))
        # Of overrides rclpy knows only those that are asked for: a misspelt one would go unseen.
        self._overrides = dict(node._parameter_overrides)
        others = sorted(name for name in self._overrides if self._is_of_another(name))
        if others:
            node.get_logger().info(f'parameters of other nodes are left aside: {others}')
        for name in set(self._overrides) - set(others):
            if not name.startswith(_FOREIGN):
                self._specs[name] = TABLE.find(node.executable, name)
        self._defaults: Dict[str, Any] = {}
        self._accepted = {name: self._declare(spec, spec.default)
                          for name, spec in self._specs.items()}
        self.values = dict(self._accepted)
        self._changed = False
        check(self._accepted)
        node.add_on_set_parameters_callback(self._on_set)

    def declare(self, name: str, default: Any) -> Any:
        """Declare one more, of a family in the table, unless it was; return its value."""
        if name not in self._specs:
            spec = TABLE.find(self._node.executable, name)
            self._accepted[name] = self.values[name] = self._declare(spec, default)
            self._specs[name] = spec
        return self._accepted[name]

    def chosen(self, name: str) -> bool:
        """Return whether ``name`` was given at start, or is another than its default by now."""
        return name in self._overrides or self.values[name] != self._defaults.get(name)

    def take(self) -> Optional[Mapping[str, Any]]:
        """Put accepted changes to use; return all values if there were any, else None."""
        if not self._changed:
            return None
        with self._lock:
            self._changed = False
            self.values = dict(self._accepted)
        return self.values

    def _is_of_another(self, name):
        """Whether a name came by a wildcard section, meant for the nodes that have it."""
        spec = TABLE.specs.get(name)
        return spec is not None and self._node.executable not in spec.nodes

    def _declare(self, spec, default):
        given = self._overrides.get(spec.name)
        value = default if given is None else spec.check(given.value)
        if given is not None:
            # YAML's `rate: 100` is an integer; what matters is that it is a number.
            self._node._parameter_overrides[spec.name] = Parameter(
                spec.name, _TYPES[spec.kind], value)
        self._node.declare_parameter(spec.name, default, descriptor(spec))
        self._defaults[spec.name] = default
        return value

    def _on_set(self, parameters) -> SetParametersResult:
        proposed = dict(self._accepted)
        try:
            for parameter in parameters:
                spec = self._specs.get(parameter.name)
                if spec is None:
                    continue
                value = spec.check(parameter.value)
                if not spec.dynamic and self._fixed() and value != proposed[spec.name]:
                    raise ParameterError(
                        f'parameter {spec.name}: fixed while the node is configured; clean it '
                        'up first, or set it in the parameter file')
                proposed[spec.name] = value
            self._check(proposed)
        except ParameterError as error:
            return SetParametersResult(successful=False, reason=str(error))
        with self._lock:
            self._accepted = proposed
            self._changed = True
        return SetParametersResult(successful=True)
