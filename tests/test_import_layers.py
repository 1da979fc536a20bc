"""The layers hold: nobody imports what he is not meant to know."""

from pathlib import Path

from import_layers import violations
import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_layers():
    found = violations(ROOT)
    assert not found, 'imports against the layers:\n' + '\n'.join(found)


@pytest.mark.parametrize('file, line, reason', [
    ('wm_ros/types.py', 'import wm_ros.robot.limits', 'types comes before robot'),
    ('wm_ros/safety/gate.py', 'from wm_ros.planning import mppi', 'safety comes before planning'),
    ('wm_ros/safety/gate.py', 'from wm_ros import planning', 'safety comes before planning'),
    ('wm_ros/safety/gate.py', 'from ..planning import mppi', 'safety comes before planning'),
    ('wm_ros/safety/gate.py', 'from .. import planning', 'safety comes before planning'),
    ('wm_ros/planning/mppi.py', 'import wm_ros.learning.trainer', 'planning comes before'),
    ('wm_ros/learning/trainer.py', 'def f():\n    from wm_ros.nodes import convert', 'learning'),
    ('wm_ros/novelty.py', 'import wm_ros.types', 'wm_ros.novelty is in no layer'),
    ('wm_ros/safety/gate.py', 'import torch', 'works without torch'),
    ('wm_ros/robot/robot.py', 'from torch.nn import functional', 'works without torch'),
    ('wm_ros/planning/mppi.py', 'import rclpy', 'ROS is known only'),
    ('wm_ros/cli.py', 'import rclpy.node', 'ROS is known only'),
    ('wm_ros/sensing/buffer.py', 'from sensor_msgs.msg import Image', 'ROS is known only'),
    ('wm_ros/sensing/buffer.py', 'from builtin_interfaces.msg import Time', 'ROS is known only'),
    ('wm_ros/robot/urdf.py', 'import pybullet_data', 'physics engines are known only'),
    ('wm_ros/nodes/mpc_node.py', 'import_module("pybullet")', 'physics engines are known only'),
    ('wm_ros/evaluation/run.py', 'import mujoco', 'physics engines are known only'),
    ('wm_ros/nodes/mpc_node.py', 'from sim import env', 'may import sim'),
    ('wm_ros/learning/trainer.py', 'import sim', 'may import sim'),
    ('sim/env.py', 'from wm_ros.safety import gate', 'may import from wm_ros only'),
    ('sim/env.py', 'import wm_ros.nodes.convert', 'may import from wm_ros only'),
    ('sim/robot_node.py', 'import wm_ros.planning', 'may import from wm_ros only'),
    ('sim/env.py', 'import rclpy', 'ROS is known only'),
])
def test_breach_is_found(tmp_path, file, line, reason):
    tree = _tree(tmp_path, {file: line})
    assert len(found := violations(tree)) == 1
    number = line.count('\n') + 1
    assert found[0].startswith(f'{file}:{number}: ')
    assert reason in found[0]


@pytest.mark.parametrize('file, line', [
    ('wm_ros/planning/mppi.py', 'import torch\nfrom wm_ros.world_model.agent import model'),
    ('wm_ros/safety/gate.py', 'from wm_ros import __version__\nfrom wm_ros.robot import limits'),
    ('wm_ros/nodes/mpc_node.py', 'import rclpy\nfrom std_srvs.srv import Trigger'),
    ('wm_ros/cli/up.py', 'import sim.env\nfrom wm_ros.nodes import convert'),
    ('wm_ros/learning/collect.py', 'from sim import env'),
    ('sim/env.py', 'import pybullet\nfrom wm_ros.robot import robot\nfrom . import arm'),
    ('sim/robot_node.py', 'import rclpy\nfrom wm_ros.nodes import convert'),
])
def test_what_is_allowed_passes(tmp_path, file, line):
    assert violations(_tree(tmp_path, {file: line})) == []


def _tree(root, files):
    """Write a package in which every layer exists, then these files."""
    for unit in ('robot', 'safety', 'world_model', 'planning', 'learning', 'nodes'):
        (root / 'wm_ros' / unit).mkdir(parents=True)
    (root / 'wm_ros' / '__init__.py').write_text("__version__ = '0'\n")
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root
