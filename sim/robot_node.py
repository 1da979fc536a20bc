"""
The simulated robot as a ROS node: topics and services of a ros2_control arm, and the truth.

In real time it never waits for anybody: physics and joint states go on while a planner
thinks.  In lockstep, time passes only by ``~/step``.
"""

from collections import deque
import gc
import json
import sys
import threading
import time
from typing import Any, Mapping

import numpy as np
from rclpy.node import Node
from sim.controller import check_positions, check_trajectory
from sim.engines import make_scene
from sim.faults import Faults
from sim.randomize import randomization_of
from sim.scene import SUBSTEP
from sim.sensors.pictures import Pictures
from sim.sensors.view import CameraProcess, FRAME, View
from sim.world import FIRST, Schedule, World
from std_msgs.msg import Float64MultiArray
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory
from wm_ros.nodes import convert, runtime
from wm_ros.nodes.camera_topics import CameraTopics
from wm_ros.nodes.parameters import Parameters
from wm_ros.nodes.qos import RELIABLE
from wm_ros.nodes.robot_topics import RobotTopics
from wm_ros.param_table import ROBOT
from wm_ros.robot.robot import load_robot
from wm_ros.tasks import get_task
from wm_ros.types import ParameterError, WmRosError

_EPISODE_RATE = 20.0        # [Hz]
_LOST = 0.1                 # [s] behind its time after which the world is late, not in a hurry
_RATE_WINDOW = 2.0          # [s] over which the real-time factor is measured
_ASIDE = 1e-4               # [s] that two readings of the clock may lie apart


class RobotNode(Node):
    """
    A robot in simulation; not a managed node, as the drivers of real robots mostly are not.

    Keyword arguments are those of rclpy's Node.  Raises WmRosError for parameters, a robot
    or a task that cannot be.
    """

    executable = ROBOT

    def __init__(self, **kwargs):
        super().__init__(self.executable, **kwargs)
        self._ended = threading.Event()
        self._thread = self._picture = None
        try:
            self.parameters = Parameters(self, self._check, lambda: True)
            self._set_up(self.parameters.values)
        except Exception:
            self.destroy_node()
            raise
        if not self._lockstep:
            self._thread = threading.Thread(target=self._run, name='physics', daemon=True)
            self._thread.start()

    def destroy_node(self):
        """Stop the world, then destroy the node."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(5.0)
        if self._picture is not None:
            self._picture.close()
        super().destroy_node()

    # Making

    def _check(self, values: Mapping[str, Any]):
        try:
            get_task(values['task'])
        except WmRosError as error:
            raise ParameterError(f'parameter task: {error}') from error

    def _set_up(self, values):
        self.robot = load_robot(values['robot'])
        self._lockstep = values['lockstep']
        self._own_time = self._lockstep or self.get_parameter('use_sim_time').value
        self._world_lock = threading.Lock()       # of the world
        self._seed, self._next_seed = values['seed'], values['seed'] + 1
        scene = make_scene(values['engine'], self.robot, values['task'],
                           randomization_of(values))
        scene.reset(self._seed)
        self._faults = Faults(values)
        self._faults.restart(self._seed)
        self._world = World(scene, self.robot, values['command_timeout'])
        self._schedules = {
            'joints': Schedule(values['joint_state_rate']),
            'clock': Schedule(values['clock_rate']),
            'objects': Schedule(values['object_rate'] if len(scene.object_poses) else 0.0),
            'wrench': Schedule(values['wrench_rate']), 'camera': Schedule(values['camera.rate']),
            'episode': Schedule(_EPISODE_RATE)}
        self._begin = time.monotonic() - self._world.time     # when simulated time was 0
        self._epoch = None                                    # wall clock, less monotonic time
        self._pace = deque([(time.monotonic(), FIRST)])
        self._topics = RobotTopics(self, self.robot, values['base_frame'] or self.robot.base_frame)
        if values['camera.rate']:
            self._picture = _make_camera(self, values)
            self._pictures = Pictures(scene, self._picture.take)
        self._make_inputs()
        self._publish_goal()
        if self._lockstep:
            self._begin_to_step()

    def _make_inputs(self):
        for topic, kind, callback in (
                ('arm_controller/joint_trajectory', JointTrajectory, self._on_arm),
                ('arm_controller/commands', Float64MultiArray, self._on_arm),
                ('gripper_controller/joint_trajectory', JointTrajectory, self._on_gripper),
                ('gripper_controller/commands', Float64MultiArray, self._on_gripper)):
            if callback == self._on_gripper and not self.robot.gripper_joint_names:
                continue
            self.create_subscription(kind, topic, self._guarded(topic, callback), RELIABLE)
        self.create_service(Trigger, '~/reset', self._on_reset)
        self.create_service(Trigger, '~/step', self._on_step)

    # Commands

    def _guarded(self, topic, callback):
        def receive(msg):
            try:
                callback(msg)
            except WmRosError as error:
                self.get_logger().warning(f'{topic}: refused: {error}', throttle_duration_sec=1.0)
        return receive

    def _on_arm(self, msg):
        self._obey(msg, self._world.arm, self.robot.joint_names)

    def _on_gripper(self, msg):
        names = self.robot.gripper_joint_names
        given = len(msg.data) if isinstance(msg, Float64MultiArray) else len(msg.joint_names)
        # A gripper is mostly commanded by its first finger; the others go along.
        own = names[:1] if given == 1 else names
        self._obey(msg, self._world.gripper, own, len(names) // len(own))

    def _obey(self, msg, follower, names, copies=1):
        if isinstance(msg, Float64MultiArray):
            values = np.tile(check_positions(msg.data, len(names)), copies)
            with self._world_lock:
                follower.positions(values, self._arrival())
            return
        knots = check_trajectory(msg.joint_names, names, [
            (p.time_from_start.sec + p.time_from_start.nanosec * 1e-9, p.positions, p.velocities,
             p.accelerations, p.effort) for p in msg.points])
        if copies > 1:
            knots = knots.repeat(copies)
        stamp = convert.seconds(msg.header.stamp)
        with self._world_lock:
            arrival = self._arrival()
            start = arrival + stamp - self._stamp_of(arrival) if stamp else None
            follower.trajectory(knots, arrival, start)

    def _arrival(self) -> float:
        """Return the present moment in the episode's time [s]."""
        if self._lockstep:
            return self._world.scene.time
        return self._world.moment(time.monotonic() - self._begin)

    def _stamp_of(self, moment: float) -> float:
        """Return the stamp [s] of a moment in the episode's time."""
        passed = moment - self._world.scene.time + self._world.time
        if self._own_time:
            return passed
        before, wall, after = time.monotonic(), time.time(), time.monotonic()
        # A process that was stopped between two of these would jump in time.
        if after - before < _ASIDE or self._epoch is None:
            self._epoch = wall - 0.5 * (before + after)
        return self._epoch + self._begin + passed

    # Services

    def _on_reset(self, request, response):
        seed = self.parameters.take()
        with self._world_lock:
            # A seed that was set since the last reset counts; otherwise the next in line.
            self._seed = self._next_seed if seed is None else seed['seed']
            self._next_seed = self._seed + 1
            self._world.reset(self._seed)
            self._faults.restart(self._seed)
            if self._picture is not None:
                self._pictures.restart()
            if self._lockstep:
                self._begin_to_step()
            scene = self._world.scene
            response.message = json.dumps({
                'seed': self._seed, 'task': scene.task.spec.name,
                'goal': [float(x) for x in scene.goal]})
        self._publish_goal()
        response.success = True
        return response

    def _begin_to_step(self):
        """Say how the episode begins, at a time of its own; steps of equal episodes are equal."""
        self._world.substeps += 1
        for schedule in self._schedules.values():
            schedule.restart(self._world.substeps)
        self._publish_due()

    def _on_step(self, request, response):
        if not self._lockstep:
            response.message = 'only in lockstep: start the node with -p lockstep:=true'
            return response
        with self._world_lock:
            self._world.advance(self._schedules['joints'].next)
            self._publish_due()
        response.success = True
        response.message = json.dumps({'time': self._world.time})
        return response

    # Time

    def _run(self):
        """Advance the world at the moments at which something is to be published."""
        while not self._ended.is_set():
            substeps = min(schedule.next for schedule in self._schedules.values())
            late = time.monotonic() - self._begin - substeps * SUBSTEP
            if late > _LOST:
                # Somebody stopped this process; time that was lost is not made up for.
                self._begin += late
            elif late < 0 and self._ended.wait(-late):
                return
            with self._world_lock:
                self._world.advance(substeps)
                self._publish_due()

    def _real_time_factor(self) -> float:
        now = time.monotonic()
        while len(self._pace) > 1 and now - self._pace[1][0] >= _RATE_WINDOW:
            self._pace.popleft()
        begin, substeps = self._pace[0]
        self._pace.append((now, self._world.substeps))
        return (self._world.substeps - substeps) * SUBSTEP / max(now - begin, 1e-6)

    # Publishing; the lock is held

    def _publish_due(self):
        substeps, schedules = self._world.substeps, self._schedules
        stamp = convert.stamp(self._stamp_of(self._world.scene.time))
        scene, topics, faults = self._world.scene, self._topics, self._faults
        if schedules['joints'].due(substeps):
            topics.joints(stamp, scene.senses)
        if schedules['clock'].due(substeps):
            topics.clock(stamp)
        if schedules['objects'].due(substeps) and not faults.lost('pose', scene.time):
            seen = scene.senses.objects()
            if seen is not None:
                topics.objects(convert.stamp(self._stamp_of(seen.time)), seen.poses)
        if schedules['wrench'].due(substeps):
            topics.wrench(stamp, scene.senses.wrench)
        if (schedules['camera'].due(substeps) and self._picture is not None
                and not faults.lost('frame', scene.time)):
            self._pictures.shoot(stamp)
        if self._picture is not None:
            self._pictures.deliver()
        if schedules['episode'].due(substeps):
            self._publish_episode()

    def _publish_goal(self):
        scene = self._world.scene
        self._topics.goal(convert.stamp(self._stamp_of(scene.time)), scene.goal)

    def _publish_episode(self):
        scene = self._world.scene
        self._topics.episode(
            'success' if scene.success else 'timeout' if scene.timeout else 'running', {
                'seed': self._seed, 'elapsed': scene.time, 'distance': scene.distance,
                'success': int(scene.success), 'done': int(scene.done),
                'total_reward': scene.total_reward,
                'speed': float(abs(scene.arm.joint_velocities).max()),
                'real_time_factor': self._real_time_factor()})


def _make_camera(node, values):
    size, depth = (values['camera.width'], values['camera.height']), values['camera.depth']
    return CameraTopics(
        node, FRAME, View().intrinsics(*size), size, depth,
        lambda: CameraProcess(values['robot'], values['task'], *size, depth=depth))


def main(args=None) -> int:
    """Run the node."""
    # What is there by now stays: the collector need not look at it while the world runs.
    gc.freeze()
    return runtime.main(RobotNode, args)


if __name__ == '__main__':
    sys.exit(main())
