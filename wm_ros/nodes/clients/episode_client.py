"""Plays the user of a running graph: new scene, goal, wait for the end, and what was seen."""

from dataclasses import dataclass
import json
import time
from typing import Any, Callable, Dict, List, Mapping, Optional, Tuple

import numpy as np
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from std_srvs.srv import SetBool, Trigger
from wm_ros.nodes import convert
from wm_ros.nodes.clients.client_node import ANSWER, ClientNode
from wm_ros.nodes.clients.recording import Recording
from wm_ros.nodes.safety_node import SILENT
from wm_ros.param_table import MODEL, MPC, ROBOT, SAFETY, SENSOR
from wm_ros.robot.robot import Robot
from wm_ros.types import WmRosError

_DRAWS = 3              # times that a scene is asked for
_STILL = 0.02           # [rad/s] below which the arm stands
_SETTLE = 5.0           # [s] that it may take to come to rest
_GRACE = 10.0           # [s] beyond the time limit before an episode is given up


@dataclass(frozen=True)
class LiveEpisode:
    """One episode that the live graph has played."""

    seed: int
    task: str
    goal: np.ndarray            # [7]
    success: bool
    elapsed: float              # [s] of simulated time
    distance: float             # [m] at the end
    total_reward: float         # sum of the task's reward at the model's rate
    real_time_factor: float
    plan_rate: float            # [Hz] of plans on the wire, from the first to the last
    latencies: np.ndarray       # [s] joint state to command, one for each plan that was followed
    surprises: np.ndarray       # one for each observation
    # Of ``planned`` plans ``late`` were sent after they should have acted.  Counted from one
    # newest diagnostics to the next, which come once a second: add up before dividing.
    planned: int
    late: int
    complaints: Tuple[str, ...]     # of nodes in diagnostics; of each kind the newest
    figures: Mapping[str, Mapping[str, float]]      # newest diagnostics by node
    recording: Optional[Recording] = None


class EpisodeClient:
    """
    Drives the graph of ``namespace`` through episodes, by its topics and services alone.

    ``alive`` is asked during every wait and raises to end it.  rclpy must be initialised
    in ``context`` (None: the default one).
    """

    def __init__(self, robot: Robot, namespace: str = '', context=None,
                 alive: Callable[[], Any] = lambda: None):
        self._robot = robot
        self._ros = ClientNode('episode_client', namespace, context, alive)
        self._episode: Dict[str, float] = {}
        self._figures: Dict[str, Dict[str, float]] = {}
        self._complaints: Dict[str, str] = {}
        self._plan_times: List[float] = []
        self._planned = 0                       # plans on the wire, so far
        self._counts = self._counted = (0, 0)   # planned and late: newest, and those given out
        self._recording: Optional[Recording] = None
        self._recorders: List[Any] = []
        self._goal = self._ros.node.create_publisher(
            convert.PoseStamped, f'{MPC}/goal', QoSProfile(depth=1))
        self._ros.listen(convert.DiagnosticStatus, f'{ROBOT}/episode', self._on_episode)
        self._ros.listen(convert.DiagnosticArray, '/diagnostics', self._on_diagnostics)
        # Bytes will do for counting; they are read only where an episode is recorded.
        self._ros.listen(convert.JointTrajectory, f'{MPC}/plan', self._on_plan, raw=True)
        self._latencies = self._ros.gather(convert.Float32, f'{SAFETY}/latency')
        self._surprises = self._ros.gather(convert.Float32, f'{MODEL}/surprise')

    def close(self):
        """Leave the graph."""
        self._ros.close()

    def wait_ready(self, timeout: float):
        """Wait until the graph can be driven; raises WmRosError if it cannot in time."""
        for service in (f'{ROBOT}/reset', f'{SENSOR}/reset', f'{MODEL}/reset', f'{MPC}/reset',
                        f'{SAFETY}/pause'):
            client = self._ros.client(SetBool if service.endswith('pause') else Trigger, service)
            self._ros.wait(client.service_is_ready, timeout, f'service {service}')
        self._ros.wait(self._goal.get_subscription_count, timeout, f'a subscriber of {MPC}/goal')
        self._ros.wait(lambda: self._episode, timeout, f'{ROBOT}/episode')
        for topic in (f'{SAFETY}/latency', f'{MODEL}/surprise'):
            self._ros.wait(lambda topic=topic: self._ros.node.count_publishers(topic), timeout,
                           topic)
        self._ros.wait(lambda: 'late' in self._figures.get(MPC, {}), timeout,
                       f'diagnostics of {MPC}')
        self._counted = self._counts

    def record(self, wanted: bool):
        """Keep what goes over the wire in the episodes from now on, or keep it no more."""
        if wanted == bool(self._recorders):
            return
        while self._recorders:
            self._ros.node.destroy_subscription(self._recorders.pop())
        if wanted:
            self._recorders = [
                self._ros.listen(kind, topic, self._into_recording(what))
                for kind, topic, what in (
                    (convert.JointState, 'joint_states', 'on_joints'),
                    (convert.PoseArray, 'object_poses', 'on_objects'),
                    (convert.MarkerArray, f'{MPC}/imagined_trajectories', 'on_imagined'))]
            for recorder in self._recorders:
                self._ros.wait(
                    lambda topic=recorder.topic_name: self._ros.node.count_publishers(topic),
                    ANSWER, recorder.topic_name)

    def run(self, seed: int) -> LiveEpisode:
        """Play the episode of ``seed``; raises WmRosError when the graph does not play along."""
        scene = self._begin(seed)
        limit = _GRACE + self._time_limit(scene['task']) * 3.0
        self._ros.wait(lambda: self._episode.get('done'), limit, 'the end of the episode')
        end = dict(self._episode)
        if end['seed'] != seed:
            raise WmRosError(f'seed {seed}: {ROBOT} was reset by somebody else, '
                             f'to seed {end["seed"]:.0f}')
        recording, self._recording = self._recording, None
        times = list(self._plan_times)
        latencies, surprises = (np.array([msg.data for msg in gathered], dtype=float)
                                for gathered in (self._latencies, self._surprises))
        (planned, late), before = self._counts, self._counted
        self._counted = (planned, late)
        self._ros.call(SetBool, f'{SAFETY}/pause', data=True)
        return LiveEpisode(
            seed=scene['seed'], task=scene['task'], goal=np.array(scene['goal']),
            success=bool(end['success']), elapsed=end['elapsed'], distance=end['distance'],
            total_reward=end['total_reward'], real_time_factor=end['real_time_factor'],
            plan_rate=(len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0,
            latencies=latencies, planned=planned - before[0],
            late=late - before[1], complaints=tuple(self._complaints.values()),
            figures={name: dict(figures) for name, figures in self._figures.items()},
            surprises=surprises, recording=recording)

    def _begin(self, seed):
        """Hold the arm, draw the scene, make everybody forget the last one, set the goal."""
        self._hold()
        scene = self._draw(seed)
        # From here on the episode's clock runs.
        for service, answer in [(service, self._ros.ask(Trigger, service))
                                for service in (f'{SENSOR}/reset', f'{MODEL}/reset')]:
            self._ros.wait(answer, ANSWER, f'the answer of {service}')
        self._episode = {}
        self._complaints = {}
        self._recording = Recording(self._robot) if self._recorders else None
        self._plan_times = []
        self._latencies.clear()
        self._surprises.clear()
        self._send_goal(scene['goal'])
        self._ros.call(SetBool, f'{SAFETY}/pause', data=False)
        return scene

    def _hold(self):
        """
        Wait until the arm stands and nothing is commanded any more.

        A command that was still on its way would lead the arm back from where it is put.
        """
        end = time.monotonic() + _SETTLE
        while SILENT not in (said := self._ros.call(
                SetBool, f'{SAFETY}/pause', data=True).message):
            if time.monotonic() > end:
                raise WmRosError(f'{SAFETY} did not fall silent within {_SETTLE:g} s of a pause: '
                                 f'{said}')
        self._ros.call(Trigger, f'{MPC}/reset')
        self._ros.wait(lambda: self._episode.get('speed', 1.0) < _STILL, _SETTLE,
                       'the arm at rest')

    def _draw(self, seed):
        """Have the robot begin the episode ``seed``; return what it says of the scene."""
        parameter = Parameter('seed', value=int(seed)).to_parameter_msg()
        for _ in range(_DRAWS):
            result = self._ros.call(SetParameters, f'{ROBOT}/set_parameters',
                                    parameters=[parameter]).results[0]
            if not result.successful:
                raise WmRosError(f'seed {seed}: {result.reason}')
            scene = json.loads(self._ros.call(Trigger, f'{ROBOT}/reset').message)
            # A reset that was asked for twice has gone on to the next seed.
            if scene['seed'] == seed:
                return scene
        raise WmRosError(f'seed {seed}: {ROBOT} drew seed {scene["seed"]} instead')

    @staticmethod
    def _time_limit(task):
        from wm_ros.tasks import get_task
        return get_task(task).time_limit

    def _send_goal(self, goal):
        msg = convert.goal_to_msg(goal, self._robot.base_frame)
        msg.header.stamp = self._ros.node.get_clock().now().to_msg()
        self._goal.publish(msg)

    # Listening

    def _on_episode(self, msg):
        self._episode = {item.key: float(item.value) for item in msg.values}

    def _on_diagnostics(self, msg):
        prefix = self._ros.node.get_namespace().strip('/')
        for status in msg.status:
            name = status.name.split('/')[-1]
            if status.name.strip('/') == f'{prefix}/{name}'.strip('/'):
                self._figures[name] = {'level': float(status.level[0])}
                if status.level != convert.DiagnosticStatus.OK:
                    text = f'{name}: {status.message}'
                    self._complaints[':'.join(text.split(':')[:2])] = text
                for item in status.values:
                    self._figures[name][item.key] = float(item.value)
                if name == MPC:
                    self._counts = (self._planned, int(self._figures[name].get('late', 0)))

    def _on_plan(self, data):
        self._planned += 1
        self._plan_times.append(time.monotonic())
        self._into_recording('on_plan')(data)

    def _into_recording(self, what):
        """Return a callback that hands messages to the recording, while there is one."""
        def receive(msg):
            if self._recording is not None:
                getattr(self._recording, what)(msg)
        return receive
