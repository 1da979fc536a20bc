"""A MuJoCo model of a robot's URDF: links as their collision shapes, limits and masses kept."""

from pathlib import Path
from typing import Dict, NamedTuple
from xml.etree import ElementTree

import mujoco
import numpy as np
from sim.randomize import Physics
from sim.tasks import BoxSpec
from wm_ros.robot.robot import Robot
from wm_ros.types import WmRosError

#: Who collides with whom: (type, affinity); links of an arm do not collide with each other.
ARM, OBJECT, TABLE = (1, 2), (2, 3), (4, 3)
#: Sensors of the force and the torque at the last joint, see ``MujocoArm.wrench``.
SENSED = ('wrist force', 'wrist torque')
_FINGER = 'finger'          # name of their shapes
_ARMATURE = 0.05            # [kg m^2] of a motor, seen from its joint
_FINGER_ARMATURE = 1.0      # [kg]
_SPINNING = 0.001           # [m] of friction against turning on the spot


class _Inertial(NamedTuple):
    """What a URDF says of a link's mass [kg] and of where its centre is [3] m."""

    mass: float
    centre: np.ndarray


def arm_spec(robot: Robot) -> mujoco.MjSpec:
    """
    Return the arm of ``robot``, its base at the origin; raises WmRosError where that fails.

    Masses and their centres are the URDF's; how they are spread is told by the collision shapes,
    since many URDFs carry their exporter's placeholders.  PyBullet does the same.
    """
    text, inertials = _for_mujoco(robot.urdf)
    spec = _parsed(text, robot.urdf)
    _check_joints(spec, robot)
    _spread_masses(spec, _parsed(text, robot.urdf), inertials)
    for joint in spec.joints:
        joint.armature = (_FINGER_ARMATURE if joint.name in robot.gripper_joint_names
                          else _ARMATURE)
    fingers = {spec.joint(name).parent.name for name in robot.gripper_joint_names}
    for number, geom in enumerate(spec.geoms):
        if geom.parent.name in fingers:
            geom.name = f'{_FINGER} {number}'
        geom.contype, geom.conaffinity = ARM
        geom.condim, geom.friction = 4, [1.0, 0.02, 0.0001]
    _couple(spec, robot.gripper_joint_names)
    _sense(spec, robot.joint_names[-1], inertials)
    return spec


def add_box(spec: mujoco.MjSpec, name: str, box: BoxSpec, pose) -> mujoco.MjsBody:
    """Add a box that moves freely, at ``pose`` [7]; returns its body."""
    body = spec.worldbody.add_body(
        name=name, pos=pose[:3], quat=[pose[6], *pose[3:6]])
    body.add_freejoint(name=name)
    shape_geom(body.add_geom(
        name=name, contype=OBJECT[0], conaffinity=OBJECT[1], condim=4,
        # Its own friction counts where links touch it; fingers and table have pairs of their own.
        priority=1), box)
    for other in _rubbed(spec):
        spec.add_pair(name=f'{name} on {other}', geomname1=name, geomname2=other, condim=4)
    return body


def remove(spec: mujoco.MjSpec, name: str):
    """Take away a box."""
    for other in _rubbed(spec):
        spec.delete(spec.pair(f'{name} on {other}'))
    spec.delete(spec.body(name))


def rub(spec: mujoco.MjSpec, name: str, friction: float, physics: Physics):
    """Let the friction of a box with table and fingers be the product of theirs, as PyBullet's."""
    for other in _rubbed(spec):
        times = physics.table_friction if other == 'table' else physics.finger_friction
        spec.pair(f'{name} on {other}').friction = [
            times * friction, times * friction, _SPINNING, 0.0001, 0.0001]


def _rubbed(spec):
    """Return the names of table and fingers."""
    return [geom.name for geom in spec.geoms if geom.name.startswith(('table', _FINGER))]


def shape_geom(geom, box: BoxSpec):
    """Make ``geom`` be ``box``."""
    x, y, z = (edge / 2 for edge in box.size)
    kind, size = ((mujoco.mjtGeom.mjGEOM_CYLINDER, [x, z, 0.0]) if box.shape == 'cylinder'
                  else (mujoco.mjtGeom.mjGEOM_BOX, [x, y, z]))
    geom.type, geom.mass, geom.size, geom.rgba = kind, box.mass, size, box.colour
    geom.friction = [box.friction, _SPINNING, 0.0001]


def add_table(spec: mujoco.MjSpec):
    """Add the table: the plane z = 0."""
    spec.worldbody.add_geom(
        name='table', type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2.0, 2.0, 0.1],
        contype=TABLE[0], conaffinity=TABLE[1], friction=[1.0, _SPINNING, 0.0001])


def _parsed(text, path) -> mujoco.MjSpec:
    try:
        return mujoco.MjSpec.from_string(text)
    except ValueError as error:
        raise WmRosError(f'{path}: MuJoCo cannot read it ({error})') from error


def _check_joints(spec, robot):
    names = [joint.name for joint in spec.joints]
    missing = [name for name in robot.joint_names + robot.gripper_joint_names
               if name not in names]
    if missing:
        raise WmRosError(f'{robot.urdf}: MuJoCo finds no joint {", ".join(missing)}')


def _spread_masses(spec, same, inertials: Dict[str, _Inertial]):
    """Give each link of ``spec`` mass and centre, and the inertia of its shapes in ``same``."""
    same.compiler.inertiafromgeom = mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_TRUE
    shaped = same.compile()
    for body in spec.bodies:
        found = inertials.get(body.name)
        if found is None or not body.geoms:
            continue
        like = shaped.body(body.name)
        body.explicitinertial, body.fullinertia = True, np.full(6, np.nan)
        body.mass, body.ipos = found.mass, found.centre
        body.iquat, body.inertia = like.iquat, like.inertia * found.mass / like.mass[0]


def _couple(spec, fingers):
    """Keep the fingers at equal widths: what the URDF's mimic tag means."""
    for other in fingers[1:]:
        equality = spec.add_equality(name1=other, name2=fingers[0],
                                     type=mujoco.mjtEq.mjEQ_JOINT)
        equality.objtype = mujoco.mjtObj.mjOBJ_JOINT


def _sense(spec, joint_name, inertials):
    body = spec.joint(joint_name).parent
    centre = inertials[body.name].centre if body.name in inertials else np.zeros(3)
    body.add_site(name='wrist', pos=centre)
    for name, kind in zip(SENSED, (mujoco.mjtSensor.mjSENS_FORCE,
                                   mujoco.mjtSensor.mjSENS_TORQUE)):
        spec.add_sensor(name=name, type=kind, objtype=mujoco.mjtObj.mjOBJ_SITE,
                        objname='wrist')


def _for_mujoco(path: Path):
    """Return the URDF as MuJoCo takes it, and {link: _Inertial} of those that weigh."""
    root, inertials = ElementTree.parse(path).getroot(), {}
    for link in root.findall('link'):
        for part in link.findall('visual') + link.findall('contact'):
            link.remove(part)
        for mesh in link.iter('mesh'):
            mesh.set('filename', str(_found(mesh.get('filename'), path.parent)))
        inertial = link.find('inertial')
        if inertial is None:
            continue
        mass, origin = float(inertial.find('mass').get('value')), inertial.find('origin')
        if mass <= 0.0:
            link.remove(inertial)       # of a frame: nothing that has weight
            continue
        text = '0 0 0' if origin is None else origin.get('xyz', '0 0 0')
        inertials[link.get('name')] = _Inertial(mass, np.array(text.split(), dtype=float))
    for joint in root.findall('joint'):
        for mimic in joint.findall('mimic'):
            joint.remove(mimic)         # some versions of MuJoCo read it
    extension = ElementTree.SubElement(root, 'mujoco')
    ElementTree.SubElement(extension, 'compiler', {
        'strippath': 'false', 'fusestatic': 'false', 'balanceinertia': 'true'})
    return ElementTree.tostring(root, encoding='unicode'), inertials


def _found(reference: str, folder: Path) -> Path:
    """Return the mesh that a URDF means: beside the URDF, or in one of the folders above it."""
    name = reference.split('://', 1)[-1]
    for place in (folder, *folder.parents):
        for candidate in (place / name, place / name.split('/', 1)[-1]):
            if candidate.is_file():
                return candidate.resolve()
    raise WmRosError(f'mesh {reference}: not found beside {folder} or above it')
