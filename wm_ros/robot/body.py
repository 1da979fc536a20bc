"""The arm's body as spheres that cover its links: where they are at any joint positions."""

import casadi as ca
import numpy as np
from wm_ros.robot.chain import chain_of
from wm_ros.robot.kinematics import BufferedFunction
from wm_ros.robot.robot import Robot
from wm_ros.types import WmRosError


class Body:
    """
    The S spheres of ``robot``; raises WmRosError where it has none, or on links that it lacks.

    Covering a body by spheres keeps distances to it simple, and smooth in the joints (as
    cuRobo, Sundaralingam et al. 2023).  Holds buffers: one instance per thread.
    """

    def __init__(self, robot: Robot):
        chain = chain_of(robot)
        names = list(chain.links)
        unknown = [link for link, _ in robot.spheres if link not in names]
        if unknown or not robot.spheres:
            raise WmRosError(f'robot {robot.name}: spheres: got '
                             f'{", ".join(unknown) or "none"}, expected spheres that cover links '
                             f'among {", ".join(names)}')
        centres, jacobians = [], []
        for link, balls in robot.spheres:
            pose = chain.links[link].pose
            for ball in balls:
                centre = ca.mtimes(pose[:3, :3], ca.DM(ball[:3])) + pose[:3, 3]
                centres.append(centre)
                jacobians.append(chain.jacobian(centre, link)[:3, :])
        self.radii = np.concatenate([balls[:, 3] for _, balls in robot.spheres])
        self._places = ca.Function('places', [chain.q], [
            ca.densify(ca.horzcat(*centres)), ca.densify(ca.vertcat(*jacobians))])
        self._paths = {}

    def places(self, path: np.ndarray):
        """
        Return centres [H, S, 3] m and their derivatives [H, S, 3, N] m/rad along joint positions.

        ``path`` [H, N] rad.
        """
        count, joints = path.shape
        if count not in self._paths:
            self._paths[count] = BufferedFunction(self._places.map(count))
        centres, jacobians = self._paths[count](path.T)
        return (centres.T.reshape(count, -1, 3).copy(),
                jacobians.reshape(-1, count, joints).transpose(1, 0, 2).reshape(
                    count, -1, 3, joints).copy())
