"""
What a camera in front of the table sees, quick to render: the arm is made of primitives.

PyBullet holds Python's lock while it renders, 1 ms for 64 x 64 pixels and 60 ms for 640 x
480.  ``Camera`` renders where it is called; ``sim.sensors.view.CameraProcess`` runs this module in
a process of its own, so that physics and joint states go on undisturbed.
"""

import math
import pickle
import sys
from typing import List, Optional, Sequence

import numpy as np
from sim.quiet import pybullet, quiet
from sim.sensors.look import Look, look_of
from sim.sensors.view import Frame
from sim.tasks import make_task
from sim.tasks.base import BoxSpec
from wm_ros.robot.robot import load_robot, Robot
from wm_ros.types import WmRosError

_GOAL = (0.15, 0.75, 0.30)
_TABLE_HALF = (0.45, 0.6, 0.01)     # [m]
_TABLE_CENTRE = (0.40, 0.0, -0.0105)


class Camera:
    """
    A camera with a world of its own, which shows what it is told.

    ``boxes`` are the objects that can be seen; ``with_goal`` adds a marker of the goal,
    for people: no real camera would see it.  ``studio`` shows the robot's own meshes, with
    shadows: beautiful, and a hundred times slower.
    """

    def __init__(self, robot: Robot, boxes: Sequence[BoxSpec] = (), width: int = 64,
                 height: int = 64, look: Look = Look(), depth: bool = False,
                 with_goal: bool = False, studio: bool = False, segments: bool = False):
        self.robot, self.depth, self.studio = robot, depth, studio
        self._segments = segments
        self.width, self.height = width, height
        self._skeleton = pybullet.connect(pybullet.DIRECT)
        self._client = self._skeleton if studio else pybullet.connect(pybullet.DIRECT)
        with quiet():
            self._body = pybullet.loadURDF(str(robot.urdf), useFixedBase=True,
                                           physicsClientId=self._skeleton)
        self._joints = self._joint_numbers()
        self._links, self._hinges = [], []      # bodies of the arm's colours
        self._parts = [] if studio else self._build_arm()
        self._table = self._add(pybullet.GEOM_BOX, _TABLE_CENTRE, halfExtents=_TABLE_HALF)
        self._specs, self._boxes = (), []
        self._have(tuple(boxes))
        self._grains = np.random.default_rng(0)
        self._strangers = {}
        self._goal = self._add(pybullet.GEOM_SPHERE, radius=0.02) if with_goal else None
        self.dress(look)

    def dress(self, look: Look, boxes: Optional[Sequence[BoxSpec]] = None):
        """Show everything as ``look`` says from now on, and other ``boxes`` where given."""
        self.look = look
        if boxes is not None:
            self._have(tuple(boxes))
        self._matrices = look.view.matrices(self.width, self.height)
        self._background = look.background(self.height)
        x, y, z = _TABLE_CENTRE
        self._put(self._table, (x, y, z + look.table_height), (0.0, 0.0, 0.0, 1.0))
        boxes = [box.colour for box in self._specs] if look.boxes is None else look.boxes
        painted = [(self._table, look.table), *zip(self._boxes, boxes)]
        painted += [(body, look.arm) for body in self._links]
        painted += [(body, look.joints) for body in self._hinges]
        if self._goal is not None:
            painted.append((self._goal, _GOAL))
        for body, colour in painted:
            self._paint(body, colour)

    def render(self, joint_positions, gripper_width: float, object_poses=(),
               goal=None, strangers=()) -> Frame:
        """
        Return the picture of the arm at [N] rad and [m], objects [M, 7], goal [3+] m.

        ``strangers`` are objects beyond those of the task: (BoxSpec, pose [7]) of each, which
        are numbered after those of the task.
        """
        self._pose_arm(joint_positions, gripper_width)
        self._show(strangers)
        for body, pose in zip(self._boxes, object_poses):
            self._put(body, pose[:3], pose[3:])
        if self._goal is not None and goal is not None:
            self._put(self._goal, goal[:3], (0, 0, 0, 1))
        view, projection = self._matrices
        flags = 0 if self._segments else pybullet.ER_NO_SEGMENTATION_MASK
        _, _, rgba, depth, bodies = pybullet.getCameraImage(
            self.width, self.height, view, projection, renderer=pybullet.ER_TINY_RENDERER,
            shadow=int(self.studio), flags=flags,
            lightDirection=self.look.light, lightDistance=3.0,
            lightAmbientCoeff=self.look.ambient, lightDiffuseCoeff=1.0 - self.look.ambient,
            lightSpecularCoeff=0.0,
            physicsClientId=self._client)
        rgba = np.reshape(rgba, (self.height, self.width, 4))
        depth = np.reshape(depth, (self.height, self.width))
        rgb = rgba[..., :3].astype(np.uint8)
        empty = depth >= 1.0
        np.copyto(rgb, self._background, where=empty[..., None])
        if self.look.blur or self.look.grain:
            rgb = _through_lens(rgb, self.look, self._grains)
        return Frame(rgb, self._metres(depth, empty) if self.depth else None,
                     self._numbers(bodies, strangers) if self._segments else None)

    def _have(self, boxes):
        """Have bodies of these boxes."""
        if boxes == self._specs:
            return
        for body in self._boxes:
            pybullet.removeBody(body, physicsClientId=self._client)
        self._specs, self._boxes = boxes, [self._add_box(box) for box in boxes]

    def _show(self, strangers):
        """Build what is new among ``strangers``, and take away what is gone."""
        shown = {(i, box) for i, (box, _) in enumerate(strangers)}
        for gone in [known for known in self._strangers if known not in shown]:
            # Out of sight it would cost as much time, in every picture.
            pybullet.removeBody(self._strangers.pop(gone), physicsClientId=self._client)
        for i, (box, pose) in enumerate(strangers):
            if (i, box) not in self._strangers:
                self._strangers[i, box] = self._add_box(box)
                self._paint(self._strangers[i, box], box.colour)
            self._put(self._strangers[i, box], pose[:3], pose[3:])

    def close(self):
        """Disconnect from PyBullet; harmless when repeated."""
        for client in {self._client, self._skeleton} - {-1}:
            pybullet.disconnect(physicsClientId=client)
        self._client = self._skeleton = -1

    def _metres(self, depth, empty):
        near, far = self.look.view.near, self.look.view.far
        metres = far * near / (far - (far - near) * depth)
        metres[empty] = np.inf
        return metres.astype(np.float32)

    def _numbers(self, bodies, strangers):
        """Return which object is seen where, out of PyBullet's body numbers."""
        shown = self._boxes + [self._strangers[i, box] for i, (box, _) in enumerate(strangers)]
        numbers = np.full((self.height, self.width), -1, np.int16)
        bodies = np.reshape(bodies, numbers.shape)
        for number, body in enumerate(shown):
            numbers[bodies == body] = number
        return numbers

    def _joint_numbers(self):
        number = {}
        for i in range(pybullet.getNumJoints(self._body, physicsClientId=self._skeleton)):
            info = pybullet.getJointInfo(self._body, i, physicsClientId=self._skeleton)
            number[info[1].decode()] = i
        names = self.robot.joint_names + self.robot.gripper_joint_names
        missing = [name for name in names if name not in number]
        if missing:
            raise WmRosError(f'{self.robot.urdf}: no joint {", ".join(missing)}')
        return [number[name] for name in names]

    def _frames(self):
        """Return {link: (position, quaternion)}, the base as -1, in the base frame."""
        count = pybullet.getNumJoints(self._body, physicsClientId=self._skeleton)
        states = pybullet.getLinkStates(self._body, list(range(count)),
                                        computeForwardKinematics=True,
                                        physicsClientId=self._skeleton)
        frames = {i: (state[4], state[5]) for i, state in enumerate(states)}
        return {-1: ((0, 0, 0), (0, 0, 0, 1)), **frames}

    def _build_arm(self) -> List[tuple]:
        """Return (body, link, position, quaternion in the link's frame) of each primitive."""
        frames, count = self._frames(), len(self.robot.joint_names)
        arm, fingers = self._joints[:count], self._joints[count:]
        palms = {pybullet.getJointInfo(self._body, i, physicsClientId=self._skeleton)[16]
                 for i in fingers}
        parts = []
        for i in range(len(frames) - 1):
            info = pybullet.getJointInfo(self._body, i, physicsClientId=self._skeleton)
            parent, axis = info[16], info[13]
            offset, _ = pybullet.multiplyTransforms(
                *pybullet.invertTransform(*frames[parent]), frames[i][0], (0, 0, 0, 1))
            if i in fingers:
                parts += self._build_finger(i, parent, axis, offset, palm=i == fingers[0])
            elif parent not in palms and np.linalg.norm(offset) > 0.04:
                body = self._add(pybullet.GEOM_CYLINDER, radius=0.05,
                                 length=float(np.linalg.norm(offset)))
                self._links.append(body)
                parts.append((body, parent, tuple(0.5 * x for x in offset), _along(offset)))
            if i in arm:
                body = self._add(pybullet.GEOM_CYLINDER, radius=0.058, length=0.13)
                self._hinges.append(body)
                parts.append((body, i, (0.0, 0.0, 0.0), _along(axis)))
        return parts

    def _build_finger(self, link, parent, axis, offset, palm):
        parts, straight = [], (0.0, 0.0, 0.0, 1.0)
        if palm:
            body = self._add(pybullet.GEOM_BOX, halfExtents=[0.02, 0.1, 0.5 * offset[2]])
            self._links.append(body)
            parts.append((body, parent, (0.0, 0.0, 0.5 * offset[2]), straight))
        body = self._add(pybullet.GEOM_BOX, halfExtents=[0.011, 0.009, 0.027])
        self._hinges.append(body)
        place = (0.0, math.copysign(0.009, axis[1]), 0.027)
        return parts + [(body, link, place, straight)]

    def _pose_arm(self, joint_positions, gripper_width):
        fingers = len(self.robot.gripper_joint_names)
        values = [*joint_positions] + [gripper_width / max(fingers, 1)] * fingers
        for joint, value in zip(self._joints, values):
            pybullet.resetJointState(self._body, joint, value, physicsClientId=self._skeleton)
        frames = self._frames()
        for body, link, position, quaternion in self._parts:
            self._put(body, *pybullet.multiplyTransforms(*frames[link], position, quaternion))

    def _add(self, shape, position=(0.0, 0.0, -1.0), **size):
        visual = pybullet.createVisualShape(shape, physicsClientId=self._client, **size)
        return pybullet.createMultiBody(0, -1, visual, position, physicsClientId=self._client)

    def _add_box(self, box):
        if box.shape == 'cylinder':
            return self._add(pybullet.GEOM_CYLINDER, radius=box.size[0] / 2, length=box.size[2])
        return self._add(pybullet.GEOM_BOX, halfExtents=[edge / 2 for edge in box.size])

    def _paint(self, body, colour):
        pybullet.changeVisualShape(body, -1, rgbaColor=(*colour[:3], 1.0),
                                   physicsClientId=self._client)

    def _put(self, body, position, quaternion):
        pybullet.resetBasePositionAndOrientation(body, position, quaternion,
                                                 physicsClientId=self._client)


def _through_lens(rgb, look, rng):
    """Return ``rgb`` [H, W, 3] blurred and with grain."""
    picture = rgb.astype(np.float32)
    if look.blur:
        reach = math.ceil(3 * look.blur)
        weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / look.blur) ** 2)
        weights /= weights.sum()
        for axis in (0, 1):
            edges = np.pad(picture, [(reach, reach) if i == axis else (0, 0) for i in range(3)],
                           mode='edge')
            windows = np.lib.stride_tricks.sliding_window_view(edges, len(weights), axis)
            picture = windows @ weights.astype(np.float32)
    if look.grain:
        picture = picture + 255 * look.grain * rng.standard_normal(picture.shape, np.float32)
    return np.clip(picture, 0, 255).round().astype(np.uint8)


def _along(direction):
    """Return the quaternion that turns the z axis into ``direction`` [3]."""
    x, y, z = np.asarray(direction, dtype=float) / np.linalg.norm(direction)
    if z < -0.9999:
        return (1.0, 0.0, 0.0, 0.0)
    quaternion = np.array([-y, x, 0.0, 1.0 + z])
    return tuple(quaternion / np.linalg.norm(quaternion))


def render(scene, width: int, height: int) -> np.ndarray:
    """Return a picture [H, W, 3] uint8 of ``scene`` as it is, with a marker of its goal."""
    camera = getattr(scene, '_camera', None)
    if camera is None or (camera.width, camera.height) != (width, height):
        release(scene)
        camera = scene._camera = Camera(scene.robot, scene.boxes, width, height, with_goal=True)
    camera.dress(look_of(scene.conditions, scene.seed), scene.boxes)
    return camera.render(scene.arm.joint_positions, scene.arm.gripper_width,
                         scene.object_poses, scene.goal, scene.spawned).rgb


def release(scene):
    """End the camera that ``render`` has made for ``scene``, if it has made one."""
    camera = getattr(scene, '_camera', None)
    if camera is not None:
        camera.close()
        scene._camera = None


def main():
    """Answer requests on standard input with pictures on standard output until it ends."""
    robot, boxes = load_robot(sys.argv[1]), make_task(sys.argv[2]).boxes
    width, height, depth = (int(word) for word in sys.argv[3:6])
    camera = Camera(robot, boxes, width, height, depth=bool(depth))
    while True:
        try:
            dress, state = pickle.load(sys.stdin.buffer)    # from the process that started it
        except (EOFError, pickle.UnpicklingError):
            return
        if dress is not None:
            camera.dress(*dress)
        frame = camera.render(*state[:3], strangers=state[3])
        sys.stdout.buffer.write(frame.rgb.tobytes())
        if depth:
            sys.stdout.buffer.write(frame.depth.tobytes())
        sys.stdout.buffer.flush()


if __name__ == '__main__':
    main()
