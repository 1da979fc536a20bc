"""Stamped data of all senses -> Observation."""

import math
from typing import Optional, Sequence

import numpy as np
from wm_ros.robot.grip import Fingers, Grip
from wm_ros.sensing import checks
from wm_ros.sensing.buffer import StampedBuffer
from wm_ros.sensing.checks import SensingError, StaleInput
from wm_ros.sensing.settings import SensingSettings
from wm_ros.tasks import TaskSpec
from wm_ros.types import Observation


class ObservationBuilder:
    """
    Takes what the sensors say, checks it, and hands out one snapshot on demand.

    Every method that takes data raises SensingError, and nothing else, for data that it
    refuses; what was known before then stays.  Joints are found by name: order does not
    matter and further joints are ignored.  Not thread-safe: one thread feeds and builds.
    """

    def __init__(self, robot, task: TaskSpec, settings: SensingSettings = SensingSettings()):
        self.settings = settings
        self._joints = tuple(robot.joint_names)
        self._fingers = tuple(robot.gripper_joint_names)
        self._objects = len(task.object_names)
        self._buffers = {name: StampedBuffer(name) for name in (
            'joint_state', 'command', 'object_poses', 'wrench', 'image', 'depth')}
        self._fingers_seen, self._grip = Fingers(), Grip()
        self._now = -math.inf

    def joint_state(self, stamp: float, names: Sequence[str], positions: Sequence[float],
                    velocities: Sequence[float] = (), efforts: Sequence[float] = ()) -> bool:
        """
        Take a joint state: stamp [s], names [J], positions [J] rad or m; True if of the arm.

        Others may speak there once the arm has, such as a gripper: what they say of its fingers
        goes with the arm's next states.

        ``velocities`` and ``efforts`` [J] may be empty, or NaN for all arm joints, which is
        how ros2_control says that it has none; velocities are then differences of positions.
        """
        what = 'joint state'
        stamp = checks.check_stamp(what, stamp)
        places = checks.index_names(what, names)
        q = checks.to_array(f'{what}: positions', positions, (len(places),))
        if places and not any(name in places for name in self._joints):
            self._fingers_seen.at(stamp, self._width(what, places, q))
            if self._buffers['joint_state'].newest() is not None:
                return False
        arm = self._pick(what, places, self._joints)
        positions = checks.check_finite(f'{what}: positions', q[arm], 'position')
        velocities = self._optional(f'{what}: velocities', velocities, len(q), arm, 'velocity')
        efforts = self._optional(f'{what}: efforts', efforts, len(q), arm, 'effort')
        width = self._fingers_seen.at(stamp, self._width(what, places, q))
        if velocities is None:
            velocities = self._difference(stamp, positions)
        self._buffers['joint_state'].push(stamp, (positions, velocities, efforts, width))
        return True

    def command(self, stamp: float, names: Sequence[str], positions: Sequence[float],
                velocities: Sequence[float]):
        """
        Take the command last sent: stamp [s], names [J], positions [J], velocities [J].

        The gripper's joints, where named, hold the width divided by the number of fingers.
        """
        what = 'command'
        stamp = checks.check_stamp(what, stamp)
        places = checks.index_names(what, names)
        q = checks.to_array(f'{what}: positions', positions, (len(places),))
        v = checks.to_array(f'{what}: velocities', velocities, (len(places),))
        arm = self._pick(what, places, self._joints)
        width = self._width(what, places, q)
        self._buffers['command'].push(stamp, (
            checks.check_finite(f'{what}: positions', q[arm], 'position'),
            checks.check_finite(f'{what}: velocities', v[arm], 'velocity'), width))
        known = self._buffers['joint_state'].newest()
        if width is not None:
            self._grip.tell(width, None if known is None else known.value[3])

    def object_poses(self, stamp: float, poses: np.ndarray):
        """Take the objects' poses [M, 7] (xyz m, quaternion xyzw) in the base frame."""
        stamp = checks.check_stamp('object poses', stamp)
        poses = checks.normalised_poses('object poses', poses, self._objects)
        self._buffers['object_poses'].push(stamp, poses)

    def wrench(self, stamp: float, values: Sequence[float]):
        """Take a wrench [6]: force [N] and torque [N m] in the sensor's frame."""
        stamp = checks.check_stamp('wrench', stamp)
        values = checks.to_array('wrench', values, (6,))
        self._buffers['wrench'].push(stamp, checks.check_finite('wrench', values, 'force'))

    def image(self, stamp: float, image: np.ndarray):
        """Take an image, uint8 RGB [H, W, 3]; it is kept, not copied."""
        stamp = checks.check_stamp('image', stamp)
        self._buffers['image'].push(stamp, checks.check_image('image', image))

    def depth(self, stamp: float, depth: np.ndarray):
        """Take a depth image, float [H, W] m; it is kept, not copied."""
        stamp = checks.check_stamp('depth', stamp)
        self._buffers['depth'].push(stamp, checks.check_depth('depth', depth))

    def clear(self):
        """Forget everything, as after a jump of the clock."""
        for buffer in self._buffers.values():
            buffer.clear()
        self._grip.forget()
        self._fingers_seen.forget()

    def build(self, now: float) -> Observation:
        """
        Return what is known at ``now`` [s], around the newest joint state.

        Of every other kind, the sample nearest in time to it; what is missing or stale is
        masked: ``valid`` and ``ages`` have the names of the Observation's fields.  Raises
        StaleInput when there is no joint state or only an old one.
        """
        now = checks.check_stamp('now', now)
        if now < self._now - 1.0:
            self.clear()    # the clock was set back: all stamps are of another time
        self._now = now
        newest = self._buffers['joint_state'].newest()
        limit = self.settings.joint_state_timeout
        if newest is None:
            raise StaleInput('no joint state yet')
        if not abs(now - newest.stamp) <= limit:
            raise StaleInput(f'the newest joint state is {now - newest.stamp:.3f} s old, '
                             f'expected at most {limit:g} s')
        return self._assemble(now, *newest)

    def _assemble(self, now, stamp, state):
        positions, velocities, efforts, width = state
        ages = {'joint_positions': 0.0}
        valid = {'joint_positions': True, 'joint_velocities': velocities is not None,
                 'joint_efforts': efforts is not None, 'gripper_width': width is not None}
        settings = self.settings
        picked = {}
        for name, field, timeout in (
                ('command', 'commanded_positions', settings.joint_state_timeout),
                ('object_poses', 'object_poses', settings.object_timeout),
                ('wrench', 'wrench', settings.object_timeout),
                ('image', 'image', settings.image_timeout),
                ('depth', 'depth', settings.image_timeout)):
            sample = self._buffers[name].nearest(stamp)
            valid[field] = sample is not None and abs(now - sample.stamp) <= timeout
            if sample is not None:
                ages[field] = stamp - sample.stamp
            picked[name] = sample.value if valid[field] else None
        # An arm that nobody commands stays where it is; a hand goes on with what it holds.
        command = picked.pop('command') or (None, None, self._grip.width(width))
        return Observation(
            stamp=stamp, joint_positions=positions,
            joint_velocities=np.zeros_like(positions) if velocities is None else velocities,
            joint_efforts=efforts, gripper_width=0.0 if width is None else width,
            commanded_positions=command[0], commanded_velocities=command[1],
            commanded_gripper=command[2], ages=ages, valid=valid, **picked)

    def _pick(self, what, places, wanted):
        try:
            return [places[name] for name in wanted]
        except KeyError as error:
            missing = [name for name in wanted if name not in places]
            raise SensingError(f'{what}: no joint {", ".join(missing)}') from error

    def _optional(self, what, values, count, arm, quantity) -> Optional[np.ndarray]:
        array = checks.to_array(what, values)
        if array.size == 0:
            return None
        if array.shape != (count,):
            raise SensingError(f'{what}: got shape {array.shape}, expected ({count},) or none')
        picked = array[arm]
        return None if np.isnan(picked).all() else checks.check_finite(what, picked, quantity)

    def _width(self, what, places, positions) -> Optional[float]:
        """Return the width between the fingers; joints that mimic another may be left out."""
        named = [places[name] for name in self._fingers if name in places]
        if not named:
            return None
        fingers = checks.check_finite(f'{what}: gripper', positions[named], 'length')
        return float(fingers.mean()) * len(self._fingers)

    def _difference(self, stamp, positions) -> Optional[np.ndarray]:
        last = self._buffers['joint_state'].newest()
        if last is None or not 1e-4 <= stamp - last.stamp <= self.settings.joint_state_timeout:
            return None
        velocities = (positions - last.value[0]) / (stamp - last.stamp)
        plausible = np.abs(velocities).max() <= checks.LARGEST['velocity']
        return velocities if plausible else None
