"""Sends a running graph one goal and waits for what comes of it."""

from typing import Optional, Sequence

import rclpy
from wm_ros.nodes import convert
from wm_ros.nodes.clients.client_node import ClientNode
from wm_ros.param_table import MPC
from wm_ros.types import Code, Status

_FIND = 15.0        # [s] in which a planner must be found


def pursue(position: Sequence[float], frame: str, namespace: str = '', timeout: float = 60.0
           ) -> Status:
    """
    Return what the planner says in the end of the goal at ``position`` [3] m in ``frame``.

    Its code is GOAL_REACHED, GOAL_FAILED or GOAL_REJECTED.  Raises WmRosError where no planner
    listens, or nothing has come of it within ``timeout`` [s].
    """
    rclpy.init()
    client, said = ClientNode('goal_client', namespace), []
    try:
        goal = client.node.create_publisher(convert.PoseStamped, f'{MPC}/goal', 1)
        client.wait(goal.get_subscription_count, _FIND, f'a planner that listens to {MPC}/goal')
        client.listen(convert.DiagnosticStatus, f'{MPC}/status',
                      lambda msg: said.append(convert.status_from_msg(msg)))
        client.wait(lambda: said, _FIND, f'{MPC}/status')
        before = number_of(said[-1])
        goal.publish(convert.goal_to_msg(position, frame))
        return client.wait(lambda: outcome(said, before), timeout, 'the end of the motion')
    finally:
        client.close()
        rclpy.try_shutdown()


def outcome(said: Sequence[Status], before: float) -> Optional[Status]:
    """Return what ends the wait in what was ``said`` of goals after number ``before``, or None."""
    return next((status for status in said if number_of(status) > before and status.code in (
        Code.GOAL_REJECTED, Code.GOAL_REACHED, Code.GOAL_FAILED)), None)


def number_of(status: Status) -> float:
    """Return the number of the goal that a status of the planner is about, 0 for none yet."""
    return status.figures.get('goal_number', 0.0)
