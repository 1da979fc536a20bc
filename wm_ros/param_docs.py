"""Write docs/parameters.md out of the parameter table: ``python -m wm_ros.param_docs``."""

from wm_ros.param_table import JOINT_LIMIT_KEYS, TABLE

_HEAD = """# Parameters

Written from `wm_ros/param_table.py` by `python -m wm_ros.param_docs > docs/parameters.md`.
What counts, later ones over earlier: the defaults here, `config/params.yaml`,
`config/tasks/<task>.yaml`, `config/sensors/<sensors>.yaml`, `safety.speed_scale` 0.1 with
`robot.launch.py`, your `params_file`, the launch arguments, `--set`. Push is shipped with
`objective.arrival` 3.0 and `objective.value` 1.0, for example.  "live" ones may change while the
node runs, at the next cycle; the others are refused then, with the reason.
A value out of range, of the wrong type, or not finite is refused, and the value in use stays.
"""
_LIMITS = """
## joint_limits (safety_node)

`joint_limits.<joint>.<key>`, as ros2_control names them: {keys}. They may tighten the URDF's
limits, not widen them. They are read when the node is configured:

```yaml
safety_node:
  ros__parameters:
    joint_limits:
      panda_joint1: {{has_velocity_limits: true, max_velocity: 1.0}}
```
"""


def markdown() -> str:
    """Return the whole page."""
    nodes = sorted({node for spec in TABLE.specs.values() for node in spec.nodes})
    parts = [_HEAD]
    for node in nodes:
        rows = [_row(spec) for spec in TABLE.of_node(node).values()]
        parts.append(f'\n## {node}\n\n| name | type | default | range | live | meaning |\n'
                     '|---|---|---|---|---|---|\n' + '\n'.join(rows) + '\n')
    parts.append(_LIMITS.format(keys=', '.join(f'`{key}`' for key in JOINT_LIMIT_KEYS)))
    return ''.join(parts)


def _row(spec):
    span = ', '.join(spec.choices) or spec.range_text()
    default = f"'{spec.default}'" if isinstance(spec.default, str) else str(spec.default)
    unit = f' [{spec.unit}]' if spec.unit and not span.endswith(spec.unit) else ''
    return (f'| `{spec.name}` | {spec.kind} | `{default}` | {span}{unit} | '
            f'{"live" if spec.dynamic else ""} | {spec.doc} |')


if __name__ == '__main__':
    print(markdown(), end='')
