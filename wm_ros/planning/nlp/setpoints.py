"""What joint motion does to the setpoint, with its derivatives, along a whole horizon."""

import casadi as ca
from wm_ros.robot.chain import chain_of
from wm_ros.robot.kinematics import BufferedFunction
from wm_ros.robot.robot import Robot

POSE, TWIST, TILT = slice(0, 4), slice(4, 8), slice(8, 10)


class Setpoints:
    """
    Exact kinematics of H knots: position m and yaw, their rates, and the tool's tilt [10].

    The tilt is where the tool's axis points, seen from above [2]: 0 for one that points down.
    """

    def __init__(self, robot: Robot, horizon: int):
        chain = chain_of(robot)
        pose = chain.links[robot.ee_frame].pose
        rates = ca.SX.sym('rates', chain.q.shape[0])
        twist = ca.mtimes(chain.jacobian(pose[:3, 3], robot.ee_frame), rates)
        found = ca.vertcat(pose[:3, 3], ca.atan2(pose[1, 0], pose[0, 0]), twist[:3], twist[5],
                           pose[:2, 2])
        slopes = ca.jacobian(found, ca.vertcat(chain.q, rates))
        one = ca.Function('setpoint', [chain.q, rates], [found, ca.densify(slopes)])
        self._all, self._horizon = BufferedFunction(one.map(horizon)), horizon

    def __call__(self, path, rates):
        """Return values [H, 10] and slopes [H, 10, 2 N] by ``path`` and ``rates`` [H, N]."""
        values, slopes = self._all(path.T, rates.T)
        return values.T.copy(), slopes.reshape(len(values), self._horizon, -1).transpose(
            1, 0, 2).copy()
