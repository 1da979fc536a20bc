"""Read the joints of a URDF (http://wiki.ros.org/urdf/XML) from base to end effector."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Dict, List, Optional, Tuple
from xml.etree import ElementTree

import numpy as np
from wm_ros.types import WmRosError


@dataclass(frozen=True)
class Joint:
    """One joint: origin xyz [m] and rpy [rad] in the parent link, axis, limits."""

    name: str
    kind: str
    parent: str
    child: str
    xyz: Tuple[float, ...]
    rpy: Tuple[float, ...]
    axis: Tuple[float, ...]
    lower: Optional[float] = None       # soft limit where the URDF has one
    upper: Optional[float] = None
    velocity: Optional[float] = None
    effort: Optional[float] = None


class MissingPackage(WmRosError):
    """A URDF is in a package that this Python does not have; another one may."""


def resolve(reference: str, relative_to: Optional[Path] = None) -> Path:
    """
    Return the file that a URDF reference names.

    Known forms: ``pybullet_data://file`` (inside that Python package),
    ``package://package/file`` (ament index), and plain paths.
    """
    scheme, _, rest = reference.rpartition('://')
    if scheme == 'pybullet_data':
        spec = find_spec('pybullet_data')
        if spec is None:
            raise MissingPackage(f'{reference}: pybullet is not installed '
                                 '(pip install pybullet)')
        path = Path(spec.origin).parent / rest
    elif scheme == 'package':
        package, _, inside = rest.partition('/')
        try:
            from ament_index_python.packages import get_package_share_directory
            path = Path(get_package_share_directory(package)) / inside
        except (ImportError, LookupError) as error:
            raise MissingPackage(f'{reference}: package {package!r} not found') from error
    else:
        path = Path(rest)
        if relative_to is not None and not path.is_absolute():
            path = relative_to / path
    if not path.is_file():
        raise WmRosError(f'URDF {reference}: no such file ({path})')
    return path


def read_joints(path: Path) -> Dict[str, Joint]:
    """Return all joints of the URDF by name; raises WmRosError for malformed XML."""
    try:
        root = ElementTree.parse(path).getroot()
    except (ElementTree.ParseError, OSError, ValueError) as error:
        raise WmRosError(f'URDF {path}: not readable ({error})') from error
    joints = {}
    for node in root.findall('joint'):
        try:
            joints[node.get('name')] = _joint(node)
        except ValueError as error:
            raise WmRosError(f'URDF {path}: joint {node.get("name")!r}: {error}') from error
    return joints


def chain(joints: Dict[str, Joint], base: str, tip: str) -> List[Joint]:
    """Return the joints from link ``base`` to link ``tip``; raises WmRosError if none."""
    by_child = {joint.child: joint for joint in joints.values()}
    path, link = [], tip
    while link != base:
        if link not in by_child or len(path) > len(joints):
            raise WmRosError(f'URDF: no chain from {base!r} to {tip!r} (stops at {link!r})')
        path.append(by_child[link])
        link = by_child[link].parent
    return path[::-1]


def _numbers(node, tag, attribute, default):
    element = node.find(tag)
    text = element.get(attribute) if element is not None else None
    if not text:
        return default
    numbers = tuple(float(x) for x in text.split())
    if len(numbers) != len(default) or not np.isfinite(numbers).all():
        raise ValueError(f'{tag} {attribute} is {text!r}, expected {len(default)} numbers')
    return numbers


def _link(node, tag):
    element = node.find(tag)
    if element is None or not element.get('link'):
        raise ValueError(f'has no {tag} link')
    return element.get('link')


def _joint(node):
    limit, soft = node.find('limit'), node.find('safety_controller')
    bounds = {}
    if limit is not None:
        for key in ('lower', 'upper', 'velocity', 'effort'):
            if limit.get(key) is not None:
                bounds[key] = float(limit.get(key))
    if soft is not None:
        for key in ('lower', 'upper'):
            if soft.get(f'soft_{key}_limit') is not None:
                bounds[key] = float(soft.get(f'soft_{key}_limit'))
    return Joint(
        name=node.get('name'), kind=node.get('type'), parent=_link(node, 'parent'),
        child=_link(node, 'child'), xyz=_numbers(node, 'origin', 'xyz', (0., 0., 0.)),
        rpy=_numbers(node, 'origin', 'rpy', (0., 0., 0.)),
        axis=_numbers(node, 'axis', 'xyz', (1., 0., 0.)), **bounds)


def origin_transform(joint: Joint) -> np.ndarray:
    """Return the fixed transform [4, 4] from the parent link to the joint's frame."""
    (r, p, y), matrix = joint.rpy, np.eye(4)
    cr, sr, cp, sp, cy, sy = np.cos(r), np.sin(r), np.cos(p), np.sin(p), np.cos(y), np.sin(y)
    matrix[:3, :3] = [[cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
                      [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
                      [-sp, cp * sr, cp * cr]]
    matrix[:3, 3] = joint.xyz
    return matrix
