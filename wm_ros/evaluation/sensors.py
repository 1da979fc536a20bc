"""What the sensor node would say, in lockstep: each kind of sample at its rate, or lost."""

from typing import Any, Dict, Mapping, Tuple

import numpy as np
from sim.faults import Faults
from sim.scene import Scene
from sim.sensors.camera import Camera
from sim.sensors.pictures import Pictures
from sim.world import Schedule
from wm_ros.param_table import ROBOT, SENSOR
from wm_ros.sensing import squared
from wm_ros.sensing.buffer import StampedBuffer
from wm_ros.types import Observation


class Sensors:
    """Observations of ``scene``, given the parameters of all nodes."""

    def __init__(self, scene: Scene, params: Mapping[str, Mapping[str, Any]]):
        self.scene = scene
        sensing, robot = params[SENSOR], params[ROBOT]
        self._faults = Faults(robot)
        self._size, self._timeout = sensing['image_size'], sensing['object_timeout']
        self._sampling = {name: (Schedule(robot[rate]), read) for name, rate, read in (
            ('object_poses', 'object_rate', self._poses),
            ('wrench', 'wrench_rate', self._wrench)) if sensing[f'use_{name}']}
        self._image = self._dress = None    # (stamp [s], pixels) that has come; how it looks
        self._newest: Dict[str, Tuple[float, np.ndarray]] = {}
        self._camera, self._looking = None, Schedule(0.0)
        self._pictures = Pictures(scene, self._take)
        if sensing['use_camera'] and self._size:
            self._camera = Camera(scene.robot, scene.boxes, robot['camera.width'],
                                  robot['camera.height'])
            self._looking = Schedule(robot['camera.rate'])

    def restart(self, seed: int):
        """Begin the episode of ``seed``."""
        self._faults.restart(seed)
        self._newest.clear()
        self._pictures.restart()
        self._image = None
        self._looking.restart(0)
        for schedule, _ in self._sampling.values():
            schedule.restart(0)

    def sample(self):
        """Take the samples whose time it is; to be called at each substep."""
        for name, (schedule, read) in self._sampling.items():
            sample = read() if schedule.due(self.scene.substeps) else None
            if sample is not None:
                self._newest[name] = sample

    def observe(self, commands: StampedBuffer) -> Observation:
        """Return what is sensed now; ``commands`` are those that the arm was given."""
        arm, nearest = self.scene.senses, commands.nearest(self.scene.time)
        command = {} if nearest is None else {
            'commanded_positions': nearest.value.positions,
            'commanded_velocities': nearest.value.velocities,
            'commanded_gripper': nearest.value.gripper}
        now = self.scene.time
        image, age = self._look()
        fresh = {name: sample for name, sample in self._newest.items()
                 if now - sample[0] <= self._timeout}
        return Observation(
            stamp=now, joint_positions=arm.joint_positions,
            joint_velocities=arm.joint_velocities, joint_efforts=arm.joint_efforts,
            gripper_width=arm.gripper_width, image=image,
            ages={**age, **{name: now - stamp for name, (stamp, _) in fresh.items()}},
            **{name: value for name, (_, value) in fresh.items()}, **command)

    def close(self):
        """End the camera."""
        if self._camera is not None:
            self._camera.close()

    def _poses(self):
        lost = self._faults.lost('pose', self.scene.time)
        return None if lost else self.scene.senses.objects()

    def _wrench(self):
        return self.scene.time, self.scene.senses.wrench

    def _look(self):
        """Return an image that has come, at the size that observations carry, and its age."""
        if self._camera is None:
            return None, {}
        now = self.scene.time
        if self._looking.due(self.scene.substeps) and not self._faults.lost('frame', now):
            self._pictures.shoot(now)
        self._image = None
        self._pictures.deliver()
        if self._image is None:
            return None, {}
        stamp, image = self._image
        return image, {'image': now - stamp}

    def _take(self, stamp, joint_positions, gripper_width, object_poses, strangers, dress):
        if dress is not self._dress:
            self._camera.dress(*dress)
            self._dress = dress
        frame = self._camera.render(joint_positions, gripper_width, object_poses,
                                    strangers=strangers)
        self._image = stamp, squared(frame.rgb, self._size)
