"""What the sensor node would say, in lockstep: poses and images as the parameters ask for them."""

from typing import Any, Mapping

from sim.camera import Camera
from sim.faults import Faults
from sim.scene import Scene
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
        self._with_poses, self._size = sensing['use_object_poses'], sensing['image_size']
        self._with_wrench = sensing['use_wrench']
        self._camera, self._looking = None, Schedule(0.0)
        if sensing['use_camera'] and self._size:
            self._camera = Camera(scene.robot, scene.task.boxes, robot['camera.width'],
                                  robot['camera.height'])
            self._looking = Schedule(robot['camera.rate'])

    def restart(self, seed: int):
        """Begin the episode of ``seed``."""
        self._faults.restart(seed)
        self._looking.restart(0)

    def observe(self, commands: StampedBuffer) -> Observation:
        """Return what is sensed now; ``commands`` are those that the arm was given."""
        arm, nearest = self.scene.arm, commands.nearest(self.scene.time)
        command = {} if nearest is None else {
            'commanded_positions': nearest.value.positions,
            'commanded_velocities': nearest.value.velocities,
            'commanded_gripper': nearest.value.gripper}
        return Observation(
            stamp=self.scene.time, joint_positions=arm.joint_positions,
            joint_velocities=arm.joint_velocities, joint_efforts=arm.joint_efforts,
            gripper_width=arm.gripper_width, image=self._look(), object_poses=self._poses(),
            wrench=arm.wrench if self._with_wrench else None, **command)

    def close(self):
        """End the camera."""
        if self._camera is not None:
            self._camera.close()

    def _poses(self):
        if not self._with_poses or self._faults.lost('pose', self.scene.time):
            return None
        return self.scene.object_poses

    def _look(self):
        """Return an image if one is due, at the size that observations carry."""
        if (self._camera is None or not self._looking.due(self.scene.substeps)
                or self._faults.lost('frame', self.scene.time)):
            return None
        arm = self.scene.arm
        return squared(self._camera.render(
            arm.joint_positions, arm.gripper_width, self.scene.object_poses).rgb, self._size)
