"""A graph of processes and a client that drives it, up and down with a ``with`` block."""

import os
from typing import Callable, Iterable, List

import rclpy
from rclpy.context import Context
from wm_ros.graph import graph, GraphOptions
from wm_ros.nodes.clients.episode_client import EpisodeClient, LiveEpisode
from wm_ros.nodes.processes import environment
from wm_ros.nodes.processes.lock import GraphLock
from wm_ros.nodes.processes.supervisor import node_specs, Supervisor
from wm_ros.param_table import SENSOR
from wm_ros.robot.robot import load_robot
from wm_ros.types import WmRosError

_UP = 120.0         # [s] to bring the graph up
_READY = 15.0       # [s] until all of it can be seen
_ATTEMPTS = 3       # clients that may try to


class LiveGraph:
    """
    The simulation graph of ``options``, each node a process, in real time.

    ``with LiveGraph(options) as client: client.run(seed)``.  Raises WmRosError with the
    reason when the graph does not come up, and in any wait of the client when a node dies.
    ``log`` takes what the nodes print.  To be used from the main thread.
    """

    def __init__(self, options: GraphOptions, namespace: str = '', log=None):
        self._entries = graph('sim', options)
        self._namespace = namespace
        self.supervisor = Supervisor(node_specs(self._entries, namespace), log)
        self.client = None

    def __enter__(self) -> EpisodeClient:
        lock = GraphLock(self._namespace)
        lock.require()
        lock.release()      # for the lifecycle manager
        environment.prepare()
        try:
            self.supervisor.start()
            self.supervisor.wait_active(_UP)
            self._connect()
        except BaseException:
            self.__exit__()
            raise
        return self.client

    def __exit__(self, *_):
        self._leave()
        self.supervisor.stop()

    def _connect(self):
        """
        Make the client; where it does not see the whole graph, another one.

        Fast DDS now and then matches a participant one way only, for as long as it lives.
        """
        robot = next(entry.parameters['robot'] for entry in self._entries if entry.name == SENSOR)
        for attempt in range(_ATTEMPTS):
            self.context = Context()
            rclpy.init(context=self.context)
            self.client = EpisodeClient(load_robot(robot), self._namespace, self.context,
                                        self._check)
            try:
                self.client.wait_ready(_READY)
                return
            except WmRosError:
                self._check()
                if attempt + 1 == _ATTEMPTS:
                    raise
                self._leave()

    def _leave(self):
        if self.client is not None:
            self.client.close()
            self.client = None
            rclpy.shutdown(context=self.context)

    def _check(self):
        gone = self.supervisor.ended()
        if gone is not None:
            raise WmRosError(f'{gone.text()} during an episode')


def play(options: GraphOptions, seeds: Iterable[int], advance: Callable) -> List[LiveEpisode]:
    """
    Return the episodes of ``seeds``, played in a graph of its own that prints nothing.

    ``advance(done, success=..., real_time_factor=...)`` hears of progress.  Raises WmRosError
    when the graph does not come up or a node dies.
    """
    episodes: List[LiveEpisode] = []
    with open(os.devnull, 'w', encoding='utf-8') as silence:
        with LiveGraph(options, log=silence) as client:
            for seed in seeds:
                episodes.append(client.run(seed))
                advance(len(episodes),
                        success=sum(episode.success for episode in episodes) / len(episodes),
                        real_time_factor=episodes[-1].real_time_factor)
    return episodes
