"""Spheres that cover a robot: all that collides is inside, and a robot file can have them."""

from dataclasses import replace

from body_testing import assert_covered
import numpy as np
import pytest
from sim.cover import cover
from wm_ros import paths
from wm_ros.cli import main
from wm_ros.robot.body import Body
from wm_ros.robot.robot import load_robot
import yaml


@pytest.mark.parametrize('name', ['ur5e', 'panda'])
def test_what_collides_is_inside(name):
    """At other joint positions and widths than those that it was made from."""
    robot, rng = load_robot(name), np.random.default_rng(3)
    found = cover(robot, 0.09)
    assert max(balls[:, 3].max() for balls in found.values()) < 0.1
    body = Body(replace(robot, spheres=tuple(found.items())))
    assert_covered(robot, body, rng, (0.013, 0.037))


def test_the_verb_prints_what_a_robot_file_takes(tmp_path, capsys):
    file = tmp_path / 'mine.yaml'
    data = yaml.safe_load((paths.config_dir() / 'robots' / 'ur5e.yaml').read_text())
    del data['spheres']
    file.write_text(yaml.safe_dump({**data, 'urdf': str(load_robot('ur5e').urdf)}))
    assert main(['cover', str(file), '--radius', '0.12']) == 0
    with file.open('a') as more:
        more.write(capsys.readouterr().out)
    robot = load_robot(str(file))
    assert {link for link, _ in robot.spheres} == {link for link, _ in load_robot('ur5e').spheres}
    Body(robot)
    assert main(['cover', 'ur5e', '--radius', 'nan']) == 2
    assert '--radius: got nan, expected 0.02 to 1 m' in capsys.readouterr().err
