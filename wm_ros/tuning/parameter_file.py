"""What was found as a ROS parameter file."""

from pathlib import Path
from typing import Any, Dict, Mapping, Sequence

from wm_ros.files import write_text
from wm_ros.param_table import MPC
import yaml


def changed(parameters: Mapping[str, Any], shipped: Mapping[str, Any]) -> Dict[str, Any]:
    """
    Return what a file has to say of the planner for it to be as in ``parameters``.

    That is what differs from ``shipped``, and the planner's type, which the rest is for.
    """
    return {name: value for name, value in parameters.items()
            if name.startswith(('planner.', 'objective.'))
            and (value != shipped[name] or name == 'planner.type')}


def write(path: Path, values: Mapping[str, Any], comments: Sequence[str]):
    """Write ``values`` of the mpc node by name below ``comments``, whole or not at all."""
    write_text(path, text(values, comments))


def text(values: Mapping[str, Any], comments: Sequence[str]) -> str:
    """Return the file's text, in the form of ``config/params.yaml``."""
    tree: Dict[str, Any] = {}
    for name, value in values.items():
        *groups, last = name.split('.')
        branch = tree
        for group in groups:
            branch = branch.setdefault(group, {})
        branch[last] = value
    body = yaml.safe_dump({MPC: {'ros__parameters': tree}}, sort_keys=False)
    return ''.join(f'# {line}\n' for line in comments) + body


def setting(name: str, value) -> str:
    """Return 'mpc_node:NAME:=VALUE', as ``--set`` takes it."""
    return f'{MPC}:{name}:={yaml.safe_dump(value, default_flow_style=True).splitlines()[0]}'
