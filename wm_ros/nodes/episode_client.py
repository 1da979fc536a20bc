"""Plays the user of a running graph: new scene, goal, wait for the end, and what was seen."""

from dataclasses import dataclass, field
import json
import threading
import time
from typing import Any, Callable, Dict, List, Mapping, NamedTuple, Optional

import numpy as np
from rcl_interfaces.srv import SetParameters
import rclpy
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from std_srvs.srv import SetBool, Trigger
from wm_ros.nodes import convert, runtime
from wm_ros.param_table import MODEL, MPC, ROBOT, SAFETY, SENSOR
from wm_ros.robot.robot import Robot
from wm_ros.types import Plan, WmRosError

_ANSWER = 10.0          # [s] that a service may take
_PATIENCE = 2.0         # [s] after which a question is asked again
_DRAWS = 3              # times that a scene is asked for
_STILL = 0.02           # [rad/s] below which the arm stands
_SETTLE = 5.0           # [s] that it may take to come to rest
_GRACE = 10.0           # [s] beyond the time limit before an episode is given up
_EACH = QoSProfile(depth=200, reliability=ReliabilityPolicy.RELIABLE)


class Line(NamedTuple):
    """One imagined path: of what, points [L, 3] m, colour RGBA in 0 to 1."""

    name: str
    points: np.ndarray
    colour: tuple


@dataclass
class Recording:
    """What went over the wire in one episode; times are stamps [s]."""

    times: List[float] = field(default_factory=list)
    joints: List[np.ndarray] = field(default_factory=list)         # [N] rad
    gripper: List[float] = field(default_factory=list)             # [m]
    object_times: List[float] = field(default_factory=list)
    objects: List[np.ndarray] = field(default_factory=list)        # [M, 7]
    plans: List[Plan] = field(default_factory=list)
    imagined: List[tuple] = field(default_factory=list)            # (time, [Line])


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
        self._robot, self._alive = robot, alive
        self._node = rclpy.create_node('episode_client', context=context, namespace=namespace,
                                       use_global_arguments=False,
                                       start_parameter_services=False)
        self._clients: Dict[str, Any] = {}
        self._episode: Dict[str, float] = {}
        self._figures: Dict[str, Dict[str, float]] = {}
        self._news = threading.Condition()
        self._recording: Optional[Recording] = None
        self._recorders: List[Any] = []
        self._goal = self._node.create_publisher(
            convert.PoseStamped, f'{MPC}/goal', QoSProfile(depth=1))
        self._listen(convert.DiagnosticStatus, f'{ROBOT}/episode', self._on_episode)
        self._listen(convert.DiagnosticArray, '/diagnostics', self._on_diagnostics)
        self._plan_times: List[float] = []
        # Bytes will do for counting; they are read only where an episode is recorded.
        self._node.create_subscription(convert.JointTrajectory, f'{MPC}/plan', self._on_plan,
                                       _EACH, raw=True)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=runtime.spin, args=(self._node, self._ended),
                                        daemon=True)
        self._thread.start()

    def close(self):
        """Leave the graph."""
        self._ended.set()
        self._thread.join(5.0)
        self._node.destroy_node()

    def wait_ready(self, timeout: float):
        """Wait until the graph can be driven; raises WmRosError if it cannot in time."""
        for service in (f'{ROBOT}/reset', f'{SENSOR}/reset', f'{MODEL}/reset', f'{MPC}/reset',
                        f'{SAFETY}/pause'):
            client = self._client(SetBool if service.endswith('pause') else Trigger, service)
            self._wait(client.service_is_ready, timeout, f'service {service}')
        self._wait(self._goal.get_subscription_count, timeout, f'a subscriber of {MPC}/goal')
        self._wait(lambda: self._episode, timeout, f'{ROBOT}/episode')

    def record(self, wanted: bool):
        """Keep what goes over the wire in the episodes from now on, or keep it no more."""
        if wanted == bool(self._recorders):
            return
        while self._recorders:
            self._node.destroy_subscription(self._recorders.pop())
        if wanted:
            self._recorders = [
                self._listen(convert.JointState, 'joint_states', self._on_joints),
                self._listen(convert.PoseArray, 'object_poses', self._on_objects),
                self._listen(convert.MarkerArray, f'{MPC}/imagined_trajectories',
                             self._on_imagined)]
            for recorder in self._recorders:
                self._wait(lambda topic=recorder.topic_name: self._node.count_publishers(topic),
                           _ANSWER, recorder.topic_name)

    def run(self, seed: int) -> LiveEpisode:
        """Play the episode of ``seed``; raises WmRosError when the graph does not play along."""
        scene = self._begin(seed)
        limit = _GRACE + self._time_limit(scene['task']) * 3.0
        self._wait(lambda: self._episode.get('done'), limit, 'the end of the episode')
        end = dict(self._episode)
        if end['seed'] != seed:
            raise WmRosError(f'seed {seed}: {ROBOT} was reset by somebody else, '
                             f'to seed {end["seed"]:.0f}')
        recording, self._recording = self._recording, None
        times = list(self._plan_times)
        self._call(SetBool, f'{SAFETY}/pause', data=True)
        return LiveEpisode(
            seed=scene['seed'], task=scene['task'], goal=np.array(scene['goal']),
            success=bool(end['success']), elapsed=end['elapsed'], distance=end['distance'],
            total_reward=end['total_reward'], real_time_factor=end['real_time_factor'],
            plan_rate=(len(times) - 1) / (times[-1] - times[0]) if len(times) > 1 else 0.0,
            figures={name: dict(figures) for name, figures in self._figures.items()},
            recording=recording)

    def _begin(self, seed):
        """Hold the arm, draw the scene, make everybody forget the last one, set the goal."""
        self._call(SetBool, f'{SAFETY}/pause', data=True)
        self._call(Trigger, f'{MPC}/reset')
        self._wait(lambda: self._episode.get('speed', 1.0) < _STILL, _SETTLE, 'the arm at rest')
        scene = self._draw(seed)
        # From here on the episode's clock runs.
        for service, answer in [(service, self._ask(Trigger, service))
                                for service in (f'{SENSOR}/reset', f'{MODEL}/reset')]:
            self._wait(answer, _ANSWER, f'the answer of {service}')
        self._episode = {}
        self._recording = Recording() if self._recorders else None
        self._plan_times = []
        self._send_goal(scene['goal'])
        self._call(SetBool, f'{SAFETY}/pause', data=False)
        return scene

    def _draw(self, seed):
        """Have the robot begin the episode ``seed``; return what it says of the scene."""
        parameter = Parameter('seed', value=int(seed)).to_parameter_msg()
        for _ in range(_DRAWS):
            result = self._call(SetParameters, f'{ROBOT}/set_parameters',
                                parameters=[parameter]).results[0]
            if not result.successful:
                raise WmRosError(f'seed {seed}: {result.reason}')
            scene = json.loads(self._call(Trigger, f'{ROBOT}/reset').message)
            # A reset that was asked for twice has gone on to the next seed.
            if scene['seed'] == seed:
                return scene
        raise WmRosError(f'seed {seed}: {ROBOT} drew seed {scene["seed"]} instead')

    @staticmethod
    def _time_limit(task):
        from wm_ros.tasks import get_task
        return get_task(task).time_limit

    def _send_goal(self, goal):
        msg = convert.PoseStamped()
        msg.header.frame_id = self._robot.base_frame
        msg.header.stamp = self._node.get_clock().now().to_msg()
        p, q = msg.pose.position, msg.pose.orientation
        p.x, p.y, p.z, q.x, q.y, q.z, q.w = goal
        self._goal.publish(msg)

    # Waiting

    def _wait(self, condition, timeout, what):
        end = time.monotonic() + timeout
        while True:
            with self._news:
                found = condition()
                if found:
                    return found
                self._news.wait(0.02)
            self._alive()
            if time.monotonic() > end:
                raise WmRosError(f'{what} did not come within {timeout:g} s')

    def _client(self, kind, service):
        if service not in self._clients:
            self._clients[service] = self._node.create_client(kind, service)
        return self._clients[service]

    def _ask(self, kind, service, **values):
        """
        Ask, and return a function that returns the response once there is one.

        It asks again now and then: a server that has not discovered its new client yet has
        nobody to answer.  Every service that is asked here may be asked twice.
        """
        client = self._client(kind, service)
        self._wait(client.service_is_ready, _ANSWER, f'service {service}')
        futures, due = [], 0.0

        def answer():
            nonlocal due
            if time.monotonic() >= due:
                due = time.monotonic() + _PATIENCE
                futures.append(client.call_async(kind.Request(**values)))
                futures[-1].add_done_callback(lambda _: self._notify())
            return next((future.result() for future in futures if future.done()), None)
        answer()
        return answer

    def _call(self, kind, service, **values):
        response = self._wait(self._ask(kind, service, **values), _ANSWER,
                              f'the answer of {service}')
        if not getattr(response, 'success', True):
            raise WmRosError(f'{service}: {response.message}')
        return response

    def _notify(self):
        with self._news:
            self._news.notify_all()

    # Listening

    def _listen(self, kind, topic, callback):
        return self._node.create_subscription(kind, topic, callback, _EACH)

    def _on_episode(self, msg):
        self._episode = {item.key: float(item.value) for item in msg.values}
        self._notify()

    def _on_diagnostics(self, msg):
        prefix = self._node.get_namespace().strip('/')
        for status in msg.status:
            name = status.name.split('/')[-1]
            if status.name.strip('/') == f'{prefix}/{name}'.strip('/'):
                self._figures[name] = {'level': float(status.level[0])}
                for item in status.values:
                    self._figures[name][item.key] = float(item.value)

    def _on_joints(self, msg):
        recording = self._recording
        if recording is not None:
            place = dict(zip(msg.name, msg.position))
            recording.times.append(convert.seconds(msg.header.stamp))
            recording.joints.append(np.array([place[n] for n in self._robot.joint_names]))
            recording.gripper.append(sum(place.get(n, 0.0)
                                         for n in self._robot.gripper_joint_names))

    def _on_objects(self, msg):
        recording = self._recording
        if recording is not None:
            stamp, poses = convert.poses_from_msg(msg, msg.header.frame_id)
            recording.object_times.append(stamp)
            recording.objects.append(poses)

    def _on_plan(self, data):
        self._plan_times.append(time.monotonic())
        recording = self._recording
        if recording is not None:
            msg = deserialize_message(data, convert.JointTrajectory)
            recording.plans.append(convert.plan_from_msg(msg, self._robot))

    def _on_imagined(self, msg):
        recording = self._recording
        if recording is not None and recording.plans:
            lines = [Line(marker.ns, np.array([(p.x, p.y, p.z) for p in marker.points]),
                          (marker.color.r, marker.color.g, marker.color.b, marker.color.a))
                     for marker in msg.markers if marker.points]
            # Markers carry no time; they are sent with the plan that came just before.
            recording.imagined.append((recording.plans[-1].stamp, lines))
