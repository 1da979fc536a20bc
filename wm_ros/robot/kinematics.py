"""Exact kinematics of the chain base -> end effector, as compiled CasADi functions."""

import casadi as ca
import numpy as np
from wm_ros.robot.chain import chain_of
from wm_ros.robot.robot import Robot

_DAMPING = 0.02         # [m], damped least squares: keeps joint speeds bounded near singularities
_CAUTION = 1.0          # more damping far from the target, or the elbow flips where reach ends
_ITERATIONS = 3         # Newton steps per knot; 2 leave up to 0.3 mm at full speed
_POSTURE_RATE = 0.8     # [1/s], how fast the redundant motion returns to the home posture
_MARGIN = 0.03          # [rad], kept from the limits: more than the safety gate asks


class BufferedFunction:
    """A CasADi function called through fixed buffers: microseconds instead of tens."""

    def __init__(self, function):
        self._buffer, self._run = function.buffer()
        self._function = function   # the buffer does not keep it alive
        self._inputs = [np.zeros(function.numel_in(i)) for i in range(function.n_in())]
        flat = [np.zeros(function.numel_out(i)) for i in range(function.n_out())]
        for i, array in enumerate(self._inputs):
            self._buffer.set_arg(i, memoryview(array))
        for i, array in enumerate(flat):
            self._buffer.set_res(i, memoryview(array))
        self._outputs = [array.reshape(function.size_out(i), order='F')
                         for i, array in enumerate(flat)]

    def __call__(self, *values):
        """Return the outputs (views that the next call overwrites)."""
        for array, value in zip(self._inputs, values):
            array[:] = np.ravel(value, order='F')
        self._run()
        return self._outputs


class Kinematics:
    """
    Forward kinematics, Jacobian, and inverse kinematics of a gripper that points down.

    The end effector's pose is its position [3] m and its yaw [rad]: its orientation is
    ``Rz(yaw) Rx(pi)``.  Instances hold buffers: use one per thread.
    """

    def __init__(self, robot: Robot):
        self.robot = robot
        chain = chain_of(robot)
        q, transform = chain.q, chain.links[robot.ee_frame].pose
        position, rotation = transform[:3, 3], transform[:3, :3]
        yaw = ca.atan2(rotation[1, 0], rotation[0, 0])
        jacobian = chain.jacobian(position, robot.ee_frame)
        forward = ca.Function(
            'forward', [q], [position, yaw, ca.densify(rotation)])
        self._forward = BufferedFunction(forward)
        self._jacobian = BufferedFunction(ca.Function(
            'jacobian', [q], [ca.densify(jacobian)]))
        self._step = self._knot_symbolic(q, position, rotation, jacobian)
        self._paths = {}

    def forward(self, q):
        """Return (position [3] m, yaw [rad]) of the end effector at ``q`` [N] rad."""
        position, yaw, _ = self._forward(q)
        return position[:, 0].copy(), float(yaw[0, 0])

    def rotation(self, q):
        """Return the rotation matrix [3, 3] of the end effector at ``q`` [N] rad."""
        return self._forward(q)[2].copy()

    def jacobian(self, q):
        """Return d(linear, angular velocity)/dq [6, N] in the base frame."""
        return self._jacobian(q)[0].copy()

    def setpoint(self, q, dq):
        """
        Return position and yaw [4], and their velocity [4], of the end effector.

        ``q``, ``dq`` [N] in rad, rad/s; m, rad and their rates come back.
        """
        position, yaw = self.forward(q)
        twist = self.jacobian(q) @ dq
        return np.append(position, yaw), np.append(twist[:3], twist[5])

    def follow(self, q, positions, yaws, velocities, yaw_rates):
        """
        Return joint positions and velocities [H, N] along end-effector knots.

        ``positions`` [H, 3] m, ``yaws`` [H] rad, ``velocities`` [H, 3] m/s,
        ``yaw_rates`` [H] rad/s; ``q`` [N] rad is where the motion begins (the knot before
        the first).  Joint positions stay inside the limits: a target out of reach is
        approached as far as they allow.
        """
        count = len(positions)
        if count not in self._paths:
            self._paths[count] = BufferedFunction(self._step.mapaccum(count))
        targets = np.empty((8, count))
        targets[:3], targets[3] = positions.T, yaws
        targets[4:7], targets[7] = velocities.T, yaw_rates
        q_path, dq_path = self._paths[count](q, targets)
        return q_path.T.copy(), dq_path.T.copy()

    @staticmethod
    def _inverse_symbolic(jacobian, damping):
        """Return the damped pseudo-inverse [N, 6] (Nakamura and Hanafusa 1986)."""
        return ca.mtimes(jacobian.T, ca.inv(
            ca.mtimes(jacobian, jacobian.T) + damping * ca.DM.eye(6)))

    def _knot_symbolic(self, q, position, rotation, jacobian):
        """Return the function (q, target [8]) -> (q', dq') of one knot."""
        target = ca.SX.sym('target', 8)
        yaw = target[3]
        wanted = ca.vertcat(
            ca.horzcat(ca.cos(yaw), ca.sin(yaw), 0), ca.horzcat(ca.sin(yaw), -ca.cos(yaw), 0),
            ca.horzcat(0, 0, -1))
        twist = sum(ca.cross(rotation[:, i], wanted[:, i]) for i in range(3)) / 2
        error = ca.vertcat(target[:3] - position, twist)
        pinv = self._inverse_symbolic(jacobian, _DAMPING ** 2)
        careful = self._inverse_symbolic(jacobian, _DAMPING ** 2 + _CAUTION * ca.sumsqr(error))
        posture = self.robot.home - q
        drift = _POSTURE_RATE * (posture - ca.mtimes(pinv, ca.mtimes(jacobian, posture)))
        share = self.robot.dt / _ITERATIONS
        moved = q + ca.mtimes(careful, error) + drift * share
        bounded = ca.fmin(ca.fmax(moved, self.robot.limits.lower + _MARGIN),
                          self.robot.limits.upper - _MARGIN)
        newton = ca.Function('newton', [q, target], [bounded])
        feed = ca.vertcat(target[4:7], 0, 0, target[7])
        rate = ca.Function('rate', [q, target], [ca.mtimes(pinv, feed) + drift])
        start, goal = ca.SX.sym('start', q.shape[0]), ca.SX.sym('goal', 8)
        knot = start
        for _ in range(_ITERATIONS):
            knot = newton(knot, goal)
        return ca.Function('knot', [start, goal], [knot, rate(knot, goal)])
