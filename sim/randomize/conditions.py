"""
The conditions of an episode: everything about the world that may be otherwise.

Each is a field with its unit, what is usual, and between which limits it makes sense; together
they are ``TERMS``, what a randomization may name: ``<group>.<field>``.
"""

from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, Dict, Mapping, NamedTuple, Tuple

from sim.tasks import BoxSpec


class Term(NamedTuple):
    """
    What may vary.

    ``size``: how many numbers it has, 'objects' or 'joints' for as many as there are.
    """

    name: str
    usual: Any              # None: as the task says
    unit: str
    low: float
    high: float
    doc: str
    size: Any = 1

    def beyond(self, low: float, high: float) -> str:
        """Return what is wrong with numbers from ``low`` to ``high``, '' for nothing."""
        if self.low <= low <= high <= self.high:
            return ''
        unit = f' {self.unit}' if self.unit else ''
        return (f'from {low:g} to {high:g}{unit}, expected within {self.low:g} and '
                f'{self.high:g}')


def _may_be(usual, unit, low, high, doc, size=1):
    return field(default=usual, metadata={'term': (usual, unit, low, high, doc, size)})


@dataclass(frozen=True)
class Physics:
    """What an engine is told."""

    gravity: float = _may_be(9.81, 'm/s^2', 1.0, 20.0, 'Downwards.')
    table_friction: float = _may_be(1.0, '', 0.01, 10.0, "Times an object's own.")
    finger_friction: float = _may_be(1.0, '', 0.01, 10.0, "Times an object's own.")
    link_mass: float = _may_be(
        1.0, '', 0.2, 5.0, "Times the URDF's, of all links; the arm's controller knows it, so "
        'that it shows in wrist, efforts and what motors need.')
    joint_damping: float = _may_be(0.0, 'N m s/rad', 0.0, 100.0, 'At each joint.')
    joint_friction: float = _may_be(0.0, 'N m', 0.0, 50.0, 'At each joint.')
    motor_gain: float = _may_be(
        1.0, '', 0.02, 5.0, "Times the bandwidth of the joints' controllers, whose stiffness goes "
        'with its square (MuJoCo); share of a motion that is followed (PyBullet).')
    motor_effort: float = _may_be(1.0, '', 0.05, 5.0, "Times the URDF's greatest efforts.")


@dataclass(frozen=True)
class Actuation:
    """What becomes of commands on their way to the motors."""

    delay: float = _may_be(0.0, 's', 0.0, 0.5, 'That a command is under way.')
    jitter: float = _may_be(0.0, 's', 0.0, 0.2, 'Up to which it is under way longer at times.')
    loss: float = _may_be(0.0, 'share', 0.0, 0.95, 'Of commands that never arrive.')
    lag: float = _may_be(0.0, 's', 0.0, 1.0, 'Time constant of the low pass that an arm follows '
                         'commands by.')
    sticking: float = _may_be(0.0, 'rad', 0.0, 0.2, 'By which a joint stays short of where it is '
                              'driven to, as its friction has it.')
    backlash: float = _may_be(0.0, 'rad', 0.0, 0.1, 'That a joint is free to either side.')


@dataclass(frozen=True)
class Sensing:
    """What sensors make of the truth."""

    joint_noise: float = _may_be(0.0, 'rad', 0.0, 0.1, 'Standard deviation of joint positions.')
    joint_bias: Tuple[float, ...] = _may_be(
        0.0, 'rad', -0.2, 0.2, 'Of joint positions.', 'joints')
    velocity_noise: float = _may_be(
        0.0, 'rad/s', 0.0, 1.0, 'Standard deviation of joint velocities.')
    pose_noise: float = _may_be(0.0, 'm', 0.0, 0.1, "Standard deviation of objects' places.")
    yaw_noise: float = _may_be(0.0, 'rad', 0.0, 1.0, "Standard deviation of objects' yaw.")
    pose_bias: Tuple[float, ...] = _may_be(
        0.0, 'm', -0.1, 0.1, "Of all objects' places: a camera that is not where it should be.", 3)
    height_bias: float = _may_be(
        0.0, 'm', -0.1, 0.1, "Of all objects' heights: markers that are on top of them.")
    pose_delay: float = _may_be(0.0, 's', 0.0, 0.5, "That objects' poses come late.")
    pose_jitter: float = _may_be(0.0, 's', 0.0, 0.2, 'Up to which they come later at times.')
    pose_loss: float = _may_be(0.0, 'share', 0.0, 0.95, "Of objects' poses that never arrive.")
    wrench_noise: float = _may_be(0.0, 'N', 0.0, 20.0, 'Standard deviation; of torques a tenth.')


@dataclass(frozen=True)
class Camera:
    """Where the camera stands beside where it is thought to stand, and what it sees."""

    position: Tuple[float, ...] = _may_be(0.0, 'm', -0.3, 0.3, 'That it stands elsewhere.', 3)
    target: Tuple[float, ...] = _may_be(0.0, 'm', -0.3, 0.3, 'That it looks elsewhere.', 3)
    field: float = _may_be(0.0, 'deg', -15.0, 15.0, 'By which its field of view is larger.')
    ambient: float = _may_be(0.55, 'share', 0.1, 1.0, 'Of light from all sides.')
    light: Tuple[float, ...] = _may_be(0.0, '', -3.0, 3.0, 'By which the light comes aside.', 3)
    colours: float = _may_be(0.0, '', 0.0, 1.0, 'How far all colours may be from the usual.')
    blur: float = _may_be(0.0, 'px', 0.0, 5.0, 'Standard deviation of the lens.')
    noise: float = _may_be(0.0, 'share', 0.0, 0.3, 'Standard deviation of pixels, of white.')
    delay: float = _may_be(0.0, 's', 0.0, 0.5, 'That frames come late.')
    loss: float = _may_be(0.0, 'share', 0.0, 0.95, 'Of frames that never arrive.')


@dataclass(frozen=True)
class Scenery:
    """What stands around."""

    # Lower, and the workspace would keep hands off what lies on it.
    table_height: float = _may_be(0.0, 'm', -0.008, 0.1, 'Of the table, and all that is on it.')
    distractors: float = _may_be(0.0, '', 0.0, 5.0, 'Boxes that the task knows nothing of.')


@dataclass(frozen=True)
class Conditions:
    """Those of one episode; ``drawn`` are the numbers that a randomization has drawn."""

    boxes: Tuple[BoxSpec, ...] = ()
    physics: Physics = Physics()
    actuation: Actuation = Actuation()
    sensing: Sensing = Sensing()
    camera: Camera = Camera()
    scenery: Scenery = Scenery()
    drawn: Mapping[str, Tuple[float, ...]] = field(default_factory=dict)

    def numbers(self) -> Dict[str, float]:
        """Return what was drawn, each number by itself: {'object.mass': kg, 'x.y[1]': ...}."""
        found = {}
        for name, values in self.drawn.items():
            found.update({name: values[0]} if len(values) == 1 else {
                f'{name}[{i}]': value for i, value in enumerate(values)})
        return found


#: Groups of conditions that are not about objects, by name.
GROUPS = MappingProxyType({'physics': Physics, 'actuation': Actuation, 'sensing': Sensing,
                           'camera': Camera, 'scenery': Scenery})
_OBJECTS = (
    Term('object.mass', None, 'kg', 0.001, 20.0, 'Of each object.', 'objects'),
    Term('object.friction', None, '', 0.01, 5.0, 'Of each object.', 'objects'),
    Term('object.size', None, 'm', 0.005, 0.3, 'Edges of each object, all in proportion.',
         'objects'),
    Term('object.height', None, 'm', 0.005, 0.3, 'Of each object.', 'objects'),
    Term('object.round', 0.0, '', 0.0, 1.0, 'Chance that an object is a cylinder.', 'objects'),
    Term('object.colour', None, '', 0.0, 1.0, 'Red, green and blue, of each object.', 'objects'),
)


def _terms() -> Dict[str, Term]:
    found = {term.name: term for term in _OBJECTS}
    for group, kind in GROUPS.items():
        for entry in fields(kind):
            name = f'{group}.{entry.name}'
            found[name] = Term(name, *entry.metadata['term'])
    return found


#: All that may vary, by name.
TERMS: Mapping[str, Term] = MappingProxyType(_terms())
