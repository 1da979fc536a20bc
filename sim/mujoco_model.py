"""A MuJoCo model of a robot's URDF: links as their collision meshes, limits and masses kept."""

from pathlib import Path
from typing import Dict, Tuple
from xml.etree import ElementTree

import mujoco
from sim.tasks import BoxSpec
from wm_ros.robot.robot import Robot
from wm_ros.types import WmRosError

#: Who collides with whom: (type, affinity); links of an arm do not collide with each other.
ARM, OBJECT, TABLE = (1, 2), (2, 3), (4, 3)
#: Sensors of the force and the torque at the last joint, in its frame.
SENSED = ('wrist force', 'wrist torque')
_ARMATURE = 0.05            # [kg m^2] of a motor, seen from its joint
_FINGER_ARMATURE = 1.0      # [kg]
_SPINNING = 0.001           # [m] of friction against turning on the spot


def arm_spec(robot: Robot) -> mujoco.MjSpec:
    """
    Return the arm of ``robot``, its base at the origin; raises WmRosError where that fails.

    Inertias are those of the collision geometry at the URDF's masses: many URDFs carry the
    placeholders of their exporter, and PyBullet takes the geometry as well.
    """
    text, masses = _for_mujoco(robot.urdf)
    try:
        spec = mujoco.MjSpec.from_string(text)
    except ValueError as error:
        raise WmRosError(f'{robot.urdf}: MuJoCo cannot read it ({error})') from error
    names = [joint.name for joint in spec.joints]
    wanted = robot.joint_names + robot.gripper_joint_names
    missing = [name for name in wanted if name not in names]
    if missing:
        raise WmRosError(f'{robot.urdf}: MuJoCo finds no joint {", ".join(missing)}')
    for joint in spec.joints:
        joint.armature = (_FINGER_ARMATURE if joint.name in robot.gripper_joint_names
                          else _ARMATURE)
    for geom in spec.geoms:
        geom.mass = masses[geom.name]
        geom.contype, geom.conaffinity = ARM
        geom.condim, geom.friction = 4, [1.0, 0.02, 0.0001]
    _couple(spec, robot.gripper_joint_names)
    _sense(spec, robot.joint_names[-1])
    return spec


def add_box(spec: mujoco.MjSpec, name: str, box: BoxSpec, pose) -> mujoco.MjsBody:
    """Add a box that moves freely, at ``pose`` [7]; returns its body."""
    body = spec.worldbody.add_body(
        name=name, pos=pose[:3], quat=[pose[6], *pose[3:6]])
    body.add_freejoint(name=name)
    body.add_geom(
        name=name, type=mujoco.mjtGeom.mjGEOM_BOX, size=[edge / 2 for edge in box.size],
        mass=box.mass, rgba=box.colour, contype=OBJECT[0], conaffinity=OBJECT[1], condim=4,
        # Its own friction counts, whatever touches it: PyBullet's product with 1.
        priority=1, friction=[box.friction, _SPINNING, 0.0001])
    return body


def add_table(spec: mujoco.MjSpec):
    """Add the table: the plane z = 0."""
    spec.worldbody.add_geom(
        name='table', type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2.0, 2.0, 0.1],
        contype=TABLE[0], conaffinity=TABLE[1], friction=[1.0, _SPINNING, 0.0001])


def _sense(spec, joint_name):
    body = spec.joint(joint_name).parent
    body.add_site(name='wrist')
    for name, kind in zip(SENSED, (mujoco.mjtSensor.mjSENS_FORCE,
                                   mujoco.mjtSensor.mjSENS_TORQUE)):
        spec.add_sensor(name=name, type=kind, objtype=mujoco.mjtObj.mjOBJ_SITE,
                        objname='wrist')


def _couple(spec, fingers):
    """Keep the fingers at equal widths: what the URDF's mimic tag means."""
    for other in fingers[1:]:
        equality = spec.add_equality(name1=other, name2=fingers[0],
                                     type=mujoco.mjtEq.mjEQ_JOINT)
        equality.objtype = mujoco.mjtObj.mjOBJ_JOINT


def _for_mujoco(path: Path) -> Tuple[str, Dict[str, float]]:
    """Return the URDF as MuJoCo takes it, and masses [kg] by name of a collision geometry."""
    root, masses = ElementTree.parse(path).getroot(), {}
    for link in root.findall('link'):
        for part in link.findall('visual') + link.findall('contact'):
            link.remove(part)
        for mesh in link.iter('mesh'):
            mesh.set('filename', str(_found(mesh.get('filename'), path.parent)))
        shapes, inertial = link.findall('collision'), link.find('inertial')
        mass = link.find('inertial/mass')
        if inertial is not None and not shapes:
            link.remove(inertial)       # of a frame: nothing that has weight
        for number, shape in enumerate(shapes):
            shape.set('name', f'{link.get("name")} {number}')
            masses[shape.get('name')] = (
                0.0 if mass is None else float(mass.get('value')) / len(shapes))
    extension = ElementTree.SubElement(root, 'mujoco')
    ElementTree.SubElement(extension, 'compiler', {
        'strippath': 'false', 'fusestatic': 'true', 'inertiafromgeom': 'true',
        'boundmass': '0.001', 'boundinertia': '0.00001'})
    return ElementTree.tostring(root, encoding='unicode'), masses


def _found(reference: str, folder: Path) -> Path:
    """Return the mesh that a URDF means: beside the URDF, or in one of the folders above it."""
    name = reference.split('://', 1)[-1]
    for place in (folder, *folder.parents):
        for candidate in (place / name, place / name.split('/', 1)[-1]):
            if candidate.is_file():
                return candidate.resolve()
    raise WmRosError(f'mesh {reference}: not found beside {folder} or above it')
