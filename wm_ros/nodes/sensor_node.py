"""Sensor node: what the robot says -> observations."""

from collections import deque
from dataclasses import replace
import sys
from time import monotonic

from wm_ros.nodes import convert, runtime
from wm_ros.nodes.base import ManagedNode
from wm_ros.nodes.loop import Pace
from wm_ros.nodes.meters import RateMeter
from wm_ros.nodes.qos import JOINTS, RELIABLE
from wm_ros.sensing import ObservationBuilder, SensingSettings, squared, StaleInput
from wm_ros.types import Code, WmRosError


class SensorNode(ManagedNode):
    """Publishes ``~/observation`` on the arrival of joint states, at most at its rate."""

    executable = 'sensor_node'

    def configure(self):
        """Make the builder and subscribe to the senses."""
        self._builder = ObservationBuilder(
            self.robot, self.task, SensingSettings.from_params(self.values))
        self._rates = {}
        self._sent = RateMeter()
        self._ages = {}
        self._publisher = self.add_publisher(convert.PointCloud2, '~/observation', RELIABLE)
        self._listen(convert.JointState, 'joint_states', self._on_joint_state, JOINTS)
        self._commands = deque(maxlen=4)
        self._listen(convert.JointState, 'safety_node/command', self._commands.append)
        if self.task.object_names and self.values['use_object_poses']:
            self._listen(convert.PoseArray, 'object_poses', self._on_poses)
        if self.values['use_wrench']:
            self._listen(convert.WrenchStamped, 'wrench', self._on_wrench)
        if self.values['use_camera']:
            self._listen(convert.Image, 'camera/image_raw', self._on_image)
            self._listen(convert.CompressedImage, 'camera/image_raw/compressed',
                         self._on_compressed)
            self._listen(convert.Image, 'camera/depth/image_raw', self._on_depth)

    def activate(self):
        """Begin with the next joint state."""
        self._pace = Pace(self.values['observation_rate'])
        self._pictured = None       # stamp [s] of the last image that was sent on

    def apply(self, values):
        """Use other timeouts."""
        self._builder.settings = SensingSettings.from_params(values)

    def reset(self) -> str:
        """Forget all that was sensed."""
        self._builder.clear()
        self._commands.clear()
        return 'forgot all that was sensed'

    def idle(self):
        """Tell apart a pause, a robot that is silent, and one that makes no sense."""
        if self.paused:
            return Code.PAUSED, 'paused'
        silence = self._rates['joint_states'].silence(monotonic())
        if silence > self.values['joint_state_timeout']:
            return Code.STALE_INPUT, 'no joint states'
        return Code.STALE_INPUT, 'joint states are refused'

    def figures(self):
        """Return rates [Hz] and ages [ms] of what comes in, and the rate of observations."""
        now = monotonic()
        figures = {'rate_hz': self._sent.rate(now), 'refused': self.refused}
        for topic, meter in self._rates.items():
            figures[f'{topic}_hz'] = meter.rate(now)
        for name, age in self._ages.items():
            figures[f'{name}_age_ms'] = 1e3 * age
        return figures

    def _listen(self, kind, topic, callback, *qos):
        meter = self._rates[topic] = RateMeter()

        def receive(msg):
            meter.tick(monotonic())
            callback(msg)
        self.add_subscription(kind, topic, receive, *qos)

    def _on_joint_state(self, msg):
        sample = convert.joint_state_from_msg(msg)
        if not self._builder.joint_state(*sample):
            return
        if not self.active or self.paused or not self._pace.due(sample.stamp):
            return
        self.begin_cycle()
        self._take_command(sample.stamp)
        try:
            observation = self._builder.build(self.now())
        except StaleInput as error:
            self.report(Code.STALE_INPUT, str(error))
            return
        if self.task.grips and not observation.valid['gripper_width']:
            self.report(Code.WAITING, f'joint_states names no finger, which {self.task.name} '
                        f'needs: expected {" or ".join(self.robot.gripper_joint_names)}')
            return
        self._publisher.publish(convert.observation_to_msg(
            self._with_image(observation), self.base_frame))
        self._sent.tick(monotonic())
        self._ages = observation.ages
        self.report(Code.OK)

    def _with_image(self, observation):
        """Return ``observation`` with its image at the size that is wanted, if it is a new one."""
        size, image = self.values['image_size'], observation.image
        taken = observation.stamp - observation.ages.get('image', 0.0)
        if not size or image is None or taken == self._pictured:
            return replace(observation, image=None)
        self._pictured = taken
        return replace(observation, image=squared(image, size))

    def _take_command(self, stamp):
        """Give the command nearest to ``stamp`` [s] to the builder, which asks no other."""
        commands = list(self._commands)
        if commands:
            try:
                msg = min(commands, key=lambda msg: abs(convert.seconds(msg.header.stamp) - stamp))
                self._builder.command(*convert.joint_state_from_msg(msg)[:4])
            except WmRosError as error:
                self.refuse('safety_node/command', error)
            self._commands.clear()

    def _on_poses(self, msg):
        self._builder.object_poses(*convert.poses_from_msg(msg, self.base_frame))

    def _on_wrench(self, msg):
        self._builder.wrench(*convert.wrench_from_msg(msg))

    def _on_image(self, msg):
        self._builder.image(*convert.image_from_msg(msg))

    def _on_compressed(self, msg):
        self._builder.image(*convert.image_from_compressed(msg))

    def _on_depth(self, msg):
        self._builder.depth(*convert.depth_from_msg(msg))


def main(args=None) -> int:
    """Run the node."""
    return runtime.main(SensorNode, args)


if __name__ == '__main__':
    sys.exit(main())
