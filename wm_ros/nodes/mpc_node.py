"""MPC node: beliefs and a goal -> plans."""

import sys
from time import monotonic
from typing import Optional

import torch
from wm_ros.nodes import convert, markers, runtime
from wm_ros.nodes.base import ManagedNode
from wm_ros.nodes.frames import Frames
from wm_ros.nodes.loop import LatestLoop, Pace
from wm_ros.nodes.meters import LatencyMeter, RateMeter
from wm_ros.nodes.qos import RELIABLE
from wm_ros.planning import check_choice, Mpc, PlannerSettings
from wm_ros.planning.goal import GoalMonitor
from wm_ros.types import Code, GoalRejected, NoValidPlan
from wm_ros.world_model import load_checkpoint

_SHOW_PERIOD = 0.1      # [s] between imagined trajectories
_NO_GOAL = object()


class MpcNode(ManagedNode):
    """
    Plans as soon as a belief arrives, on a thread of its own, at most at the planner's rate.

    Publishes ``~/plan`` and, while somebody looks, ``~/imagined_trajectories``; takes
    ``~/goal``.
    """

    executable = 'mpc_node'
    _mpc: Optional[Mpc] = None

    def check(self, values):
        """Refuse settings that do not go together."""
        check_choice(PlannerSettings.from_params(values))
        if self._mpc is not None:
            self._mpc.check(values)

    def configure(self):
        """Load the checkpoint and make the planner; a bad checkpoint ends it."""
        # A second thread would spin at barriers while the arm's other nodes need the core.
        torch.set_num_threads(1)
        values = self.values
        model = load_checkpoint(values['checkpoint'], robot=self.robot, task=self.task,
                                device=values['device'], backend=values['planner.backend'],
                                actor=values['actor'])
        self._checkpoint = model.checkpoint
        self._mpc = Mpc(model, self.robot, self.task, PlannerSettings.from_params(values))
        self.add_end(self._forget)
        self._monitor = GoalMonitor(self.task, self.robot, model.layout)
        self._news = None           # a goal and its number, or _NO_GOAL, not taken yet
        self._heard = self._judged = 0      # goals, and the last of them that was taken or refused
        self._refusal = ''          # of the last goal
        self._plan, self._pace = None, Pace(values['planner.rate'])
        self._rate, self._times = RateMeter(), LatencyMeter()
        self._missed = self._late = 0
        self._publisher = self.add_publisher(convert.JointTrajectory, '~/plan', RELIABLE)
        self._imagined = self.add_publisher(
            convert.MarkerArray, '~/imagined_trajectories', RELIABLE)
        self._shown = self._came = 0.0
        self._frames = Frames(self, self.base_frame)
        self.add_end(self._frames.close)
        self.add_subscription(convert.PoseStamped, '~/goal', self._on_goal, RELIABLE)
        self.add_subscription(convert.PointCloud2, 'world_model_node/belief', self._on_belief)

    def _forget(self):
        # Or settings would be judged by a model that is no longer the configured one.
        self._mpc = None

    def activate(self):
        """Begin with the next belief."""
        self._plan = None
        self._pace = Pace(self.values['planner.rate'])
        self._loop = LatestLoop(f'{self.get_name()} planner', self._cycle, self.fail)
        self._loop.start()

    def deactivate(self):
        """End with the plan under way; the safety node holds when no more come."""
        self._loop.stop()

    def apply(self, values):
        """Plan with other settings from now on."""
        self._mpc.reconfigure(values)
        self._pace.change(values['planner.rate'])

    def pause(self, flag):
        """Plan anew after a pause; the safety node holds meanwhile."""
        self._plan = None
        return ''

    def reset(self) -> str:
        """Drop the goal and the last plan."""
        self._news = _NO_GOAL
        return 'no goal'

    def idle(self):
        """Say why no plans come."""
        if self.paused:
            return Code.PAUSED, 'paused'
        code, text, _ = self._said
        if monotonic() - self._came < self.values['belief_timeout']:
            # A plan takes its time, or planner.rate is low: what was said last still holds.
            return (self._monitor.code, self._monitor.text) if (
                code is Code.STALE_INPUT) else (code, text)
        return Code.STALE_INPUT, 'no beliefs'

    def figures(self):
        """Return rates, times and what the last plan promises."""
        figures = {
            'plan_rate_hz': self._rate.rate(monotonic()), 'missed_deadlines': self._missed,
            'late': self._late, 'horizon': self._mpc.settings.horizon,
            'goal_distance': self._monitor.distance, 'goal_number': self._judged,
            'refused': self.refused}
        for share in (50, 99) if self._times.count else ():
            figures[f'plan_ms_p{share}'] = 1e3 * self._times.percentile(share)
        plan = self._plan
        if plan is not None:
            figures.update(predicted_return=plan.predicted_return, dropped=plan.dropped,
                           disagreement=plan.disagreement, iterations=plan.iterations)
            figures.update({f'return_{name}': share for name, share in plan.shares.items()})
        return figures

    def _on_goal(self, msg):
        self._heard += 1
        try:
            goal = self._frames.to_base(*convert.goal_from_msg(msg))
            self._monitor.check(goal)
        except GoalRejected as error:
            self._refusal = str(error)
            self.get_logger().warning(self._refusal)
            # A plan under way reports what comes of the goal before: only this is of this one.
            number = self._heard
            self.report(Code.GOAL_REJECTED, self._refusal,
                        lambda: {**self.figures(), 'goal_number': number})
            self._judged = number
            return
        # The planner's thread takes it at the edge of its next cycle.
        self._news, self._refusal = (goal, self._heard), ''
        self.get_logger().info(f'goal accepted: {goal[:3].round(3).tolist()} m')

    def _on_belief(self, msg):
        self._came = monotonic()
        if self.active and not self.paused:
            self._loop.put((self._came, msg))

    def _cycle(self, item):
        arrived, msg = item
        self.begin_cycle()
        self._take_news()
        try:
            if not self._pace.due(convert.seconds(msg.header.stamp)):
                return
            belief = convert.belief_from_msg(msg)
        except convert.ConvertError as error:
            self.refuse('world_model_node/belief', error)
            return
        if not self._usable(belief):
            self._plan = None
            return
        if self._monitor.update(belief):
            self.get_logger().info(f'goal {self._monitor.text}')
        if self._monitor.goal is None:
            code = Code.GOAL_REJECTED if self._refusal else Code.WAITING
            self.report(code, self._refusal or self._monitor.text)
            return
        self._plan_from(belief, arrived)

    def _take_news(self):
        news, self._news = self._news, None
        if news is _NO_GOAL:
            self._monitor.clear()
            self._plan = None
        elif news is not None:
            goal, self._judged = news
            self._monitor.accept(goal)
            self.report(Code.OK, 'goal accepted')

    def _usable(self, belief) -> bool:
        if belief.checkpoint != self._checkpoint:
            self.report(Code.CHECKPOINT_MISMATCH, f'beliefs are of checkpoint '
                        f'{belief.checkpoint or "unknown"}, expected {self._checkpoint}')
            return False
        age = self.now() - belief.stamp
        if not abs(age) <= self.values['belief_timeout']:
            self.report(Code.STALE_INPUT, f'belief is {age:.3f} s old')
            return False
        if belief.unseen > self.values['unseen_timeout']:
            self.report(Code.STALE_INPUT, f'objects have not been seen for {belief.unseen:.2f} s: '
                        'no fresh object_poses, nor are they found in images')
            return False
        return True

    def _plan_from(self, belief, arrived):
        act_at = belief.stamp + self.values['planner.action_delay']
        try:
            plan = self._mpc.plan(belief, self._monitor.goal, self._plan, act_at)
        except NoValidPlan as error:
            self._plan = None
            self.report(Code.NO_VALID_PLAN, str(error))
            return
        if self.paused or not self.active:
            return
        self._publisher.publish(convert.plan_to_msg(plan, self.robot, self.base_frame))
        self._plan = plan
        ended = monotonic()
        self._rate.tick(ended)
        self._times.add(plan.solve_time)
        self._missed += ended - arrived > 1.0 / self.values['planner.rate']
        self._late += self.now() > plan.stamp
        self.report(self._monitor.code, self._monitor.text)
        if ended - self._shown > _SHOW_PERIOD and self._imagined.get_subscription_count():
            self._shown = ended
            self._imagined.publish(markers.imagined_trajectories(
                self._mpc, self._monitor.goal, plan, self.base_frame))


def main(args=None) -> int:
    """Run the node."""
    return runtime.main(MpcNode, args)


if __name__ == '__main__':
    sys.exit(main())
