"""A robot: URDF + one YAML file that says what a URDF cannot."""

from dataclasses import dataclass
from pathlib import Path
from typing import Tuple

import numpy as np
from wm_ros import paths
from wm_ros.files import load_yaml
from wm_ros.robot import urdf
from wm_ros.robot.limits import JointLimits
from wm_ros.types import WmRosError
import yaml


@dataclass(frozen=True)
class Robot:
    """One arm with a gripper; N joints, SI units, poses in ``base_frame``."""

    name: str
    urdf: Path
    base_frame: str
    ee_frame: str
    joint_names: Tuple[str, ...]
    gripper_joint_names: Tuple[str, ...]
    gripper_min: float              # [m] total width
    gripper_max: float
    limits: JointLimits
    home: np.ndarray                # [N] rad
    dt: float                       # [s] step of the model
    max_linear_speed: float         # [m/s] per axis
    max_linear_acceleration: float  # [m/s^2] per axis
    max_yaw_rate: float             # [rad/s]
    max_yaw_acceleration: float     # [rad/s^2]
    workspace_low: np.ndarray       # [3] m
    workspace_high: np.ndarray      # [3] m
    #: What the links are covered with: link, and spheres [S, 4], centre in its frame and radius m.
    spheres: Tuple[Tuple[str, np.ndarray], ...] = ()

    def __post_init__(self):
        for name, count in (('home', len(self.joint_names)), ('workspace_low', 3),
                            ('workspace_high', 3)):
            array = np.array(getattr(self, name), dtype=float)
            if array.shape != (count,) or not np.isfinite(array).all():
                raise ValueError(f'{name}: expected {count} finite numbers, got {array.tolist()}')
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        for name in ('dt', 'max_linear_speed', 'max_linear_acceleration', 'max_yaw_rate',
                     'max_yaw_acceleration'):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f'{name}: expected a finite number above 0, '
                                 f'got {getattr(self, name)}')
        for link, balls in self.spheres:
            if balls.ndim != 2 or balls.shape[1] != 4 or not np.isfinite(balls).all() \
                    or (balls[:, 3] <= 0).any():
                raise ValueError(f'spheres: {link}: expected rows of x, y, z and a radius above '
                                 f'0, got {balls.tolist()}')
            balls.flags.writeable = False
        if not 0 <= self.gripper_min <= self.gripper_max < np.inf:
            raise ValueError('gripper_range: expected [least, greatest] width, '
                             f'got {[self.gripper_min, self.gripper_max]}')
        if np.any(self.workspace_low >= self.workspace_high):
            raise ValueError('workspace_low: expected less than workspace_high on each axis')
        if np.any(self.home < self.limits.lower) or np.any(self.home > self.limits.upper):
            raise ValueError('home: expected positions inside the joint limits')


def load_robot(name: str = 'panda') -> Robot:
    """
    Return the robot called ``name`` in config/robots, or of the YAML file ``name``.

    Raises WmRosError for an unknown name, a malformed file, or a URDF that lacks a joint.
    """
    path = Path(name)
    if path.suffix not in ('.yaml', '.yml'):
        path = paths.config_dir() / 'robots' / f'{name}.yaml'
    if not path.is_file():
        known = sorted(p.stem for p in (paths.config_dir() / 'robots').glob('*.yaml'))
        raise WmRosError(f'unknown robot {name!r}: expected one of {", ".join(known)}, '
                         'or the path of a robot file')
    try:
        return _build(load_yaml(path.read_text(encoding='utf-8')), path.parent)
    except KeyError as error:
        raise WmRosError(f'robot file {path}: {error.args[0]!r} is missing') from error
    except (yaml.YAMLError, OSError, TypeError, ValueError) as error:
        raise WmRosError(f'robot file {path}: {" ".join(str(error).split())}') from error


def _build(data, folder):
    if not isinstance(data, dict) or not isinstance(data['action'], dict):
        raise ValueError('expected a mapping of names to values, and one below "action:"')
    urdf_path = urdf.resolve(str(data['urdf']), folder)
    joints = urdf.read_joints(urdf_path)
    names = tuple(data['joint_names'])
    gripper = tuple(data['gripper_joint_names'])
    missing = [name for name in names + gripper if name not in joints]
    if missing:
        raise WmRosError(f'URDF {urdf_path}: no joint {", ".join(missing)}')
    arm = [joints[name] for name in names]
    limits = JointLimits(
        names=names, lower=[j.lower for j in arm], upper=[j.upper for j in arm],
        velocity=[j.velocity for j in arm], effort=[j.effort for j in arm],
        acceleration=data['acceleration'])
    action = data['action']
    widths = data['gripper_range']
    if not isinstance(widths, list) or len(widths) != 2:
        raise ValueError(f'gripper_range: expected [least, greatest] width, got {widths}')
    return Robot(
        name=data['name'], urdf=urdf_path, base_frame=data['base_frame'],
        ee_frame=data['ee_frame'], joint_names=names, gripper_joint_names=gripper,
        gripper_min=float(widths[0]), gripper_max=float(widths[1]), limits=limits,
        home=data['home'],
        dt=float(action['dt']), max_linear_speed=float(action['max_linear_speed']),
        max_linear_acceleration=float(action['max_linear_acceleration']),
        max_yaw_rate=float(action['max_yaw_rate']),
        max_yaw_acceleration=float(action['max_yaw_acceleration']),
        workspace_low=action['workspace_low'], workspace_high=action['workspace_high'],
        spheres=tuple((str(link), np.array(balls, dtype=float))
                      for link, balls in data.get('spheres', {}).items()))
