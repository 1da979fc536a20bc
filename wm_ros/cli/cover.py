"""
Cover a robot's links by spheres, which planners keep out of boxes.

Prints the section ``spheres`` of a robot file.  Links are what collides in the URDF, of meshes the
convex hull, fingers at any width; what the planner keeps out of boxes is these spheres and 2 cm.
"""

import argparse

_EXAMPLES = """
examples:
  wm_ros cover my_arm.yaml >> my_arm.yaml     of a file that has no spheres yet
  wm_ros cover ur5e --radius 0.06             more of them, nearer to the arm's shape
"""


def add_parser(subparsers):
    """Add the verb."""
    parser = subparsers.add_parser(
        'cover', help='cover a robot by spheres', description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('robot', help='a name in config/robots, or a robot file')
    parser.add_argument('--radius', type=float, default=0.09, metavar='M',
                        help='of the largest sphere, about [m] (default: 0.09)')
    parser.set_defaults(run=run)


def run(arguments) -> int:
    """Cover and print."""
    from sim.cover import cover
    from wm_ros.robot.robot import load_robot
    from wm_ros.types import WmRosError
    if not 0.02 <= arguments.radius <= 1.0:
        raise WmRosError(f'--radius: got {arguments.radius:g}, expected 0.02 to 1 m')
    print(as_yaml(cover(load_robot(arguments.robot), arguments.radius)), end='')
    return 0


def as_yaml(spheres) -> str:
    """Return the section of a robot file."""
    lines = ["# x, y, z and radius [m] of spheres in each link's frame: what collides is inside.",
             'spheres:']
    for link, balls in spheres.items():
        lines.append(f'  {link}:')
        lines += [f'    - [{", ".join(f"{number + 0.0:.3f}" for number in ball)}]'
                  for ball in balls.round(3)]
    return '\n'.join(lines) + '\n'
