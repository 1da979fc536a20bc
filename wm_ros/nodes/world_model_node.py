"""World model node: observations -> beliefs."""

import sys
from time import monotonic

import torch
from wm_ros.nodes import convert, runtime
from wm_ros.nodes.base import ManagedNode
from wm_ros.nodes.meters import LatencyMeter, RateMeter
from wm_ros.nodes.qos import RELIABLE
from wm_ros.types import Code
from wm_ros.world_model import load_checkpoint
from wm_ros.world_model.sentinel import load_sentinel
from wm_ros.world_model.sight import load_looker


class WorldModelNode(ManagedNode):
    """
    Publishes ``~/belief`` and ``~/surprise`` on the arrival of each observation.

    With a sentinel also ``~/alarm``, once for each step of its model.
    """

    executable = 'world_model_node'

    def configure(self):
        """Load the checkpoint; a bad one ends the configuration."""
        # A second thread would spin at barriers while the arm's other nodes need the core.
        torch.set_num_threads(1)
        self._model = load_checkpoint(self.values['checkpoint'], robot=self.robot,
                                      task=self.task, device=self.values['device'],
                                      eyes=load_looker(self.values['eyes'], self.task,
                                                       self.values['device']),
                                      adapt=self.values['adapt'])
        self._sentinel = load_sentinel(self.values['sentinel'], self.robot,
                                       len(self.task.object_names), self.values['device'])
        self._belief, self._alarms = None, {}
        self._rate, self._times = RateMeter(), LatencyMeter()
        self._publisher = self.add_publisher(convert.PointCloud2, '~/belief', RELIABLE)
        self._surprise = self.add_publisher(convert.Float32, '~/surprise', RELIABLE)
        self._alarm = self.add_publisher(convert.Float32, '~/alarm', RELIABLE)
        # Best effort: acknowledging each would cost the machine more than a lost one.
        self.add_subscription(convert.PointCloud2, 'sensor_node/observation',
                              self._on_observation)
        self.get_logger().info(f'checkpoint {self._model.checkpoint}')

    def activate(self):
        """Begin with the next observation."""
        self._forget()

    def reset(self) -> str:
        """Forget the belief."""
        self._forget()
        return 'the belief begins anew'

    def _forget(self):
        self._belief, self._alarms = None, {}
        if self._sentinel is not None:
            self._sentinel.restart()

    def idle(self):
        """Say why no beliefs come."""
        return (Code.PAUSED, 'paused') if self.paused else (Code.STALE_INPUT, 'no observations')

    def figures(self):
        """Return the rate [Hz], times [ms], the surprise, and the alarm of each sense."""
        figures = {'rate_hz': self._rate.rate(monotonic()), 'refused': self.refused}
        if self._belief is not None:
            figures['surprise'] = self._belief.surprise
            figures['uncertainty_mm'] = 1e3 * self._belief.uncertainty
            figures['arm_delay_ms'] = 1e3 * self._belief.delay
            figures.update({f'hidden_{name}': value
                            for name, value in self._belief.hidden.items()})
        figures.update({f'alarm_{name}': value for name, value in self._alarms.items()})
        for share in (50, 99) if self._times.count else ():
            figures[f'observe_ms_p{share}'] = 1e3 * self._times.percentile(share)
        return figures

    def _on_observation(self, msg):
        if not self.active or self.paused:
            return
        began = monotonic()
        self.begin_cycle()
        observation = convert.observation_from_msg(msg)
        belief = self._model.observe(self._belief, observation)
        self._publisher.publish(convert.belief_to_msg(belief, self.base_frame))
        published = monotonic()
        self._belief = belief
        if self._surprise.get_subscription_count():
            self._surprise.publish(convert.Float32(data=float(belief.surprise)))
        self._keep_watch(belief, observation)
        self._rate.tick(published)
        self._times.add(published - began)
        self.report(Code.OK)

    def _keep_watch(self, belief, observation):
        """Let the sentinel see what the belief is published for already."""
        off = None if self._sentinel is None else self._sentinel.see(
            belief.stamp, belief.state, observation.wrench)
        if off is not None:
            self._alarms = self._sentinel.alarms(off)
            self._alarm.publish(convert.Float32(data=max(self._alarms.values())))


def main(args=None) -> int:
    """Run the node."""
    return runtime.main(WorldModelNode, args)


if __name__ == '__main__':
    sys.exit(main())
