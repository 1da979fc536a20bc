"""What the networks see of an explicit state: relative, in the object's frame, precise."""

import torch
from torch import nn
from wm_ros.tasks import TaskSpec
from wm_ros.world_model.state import StateLayout

_CENTRE = (0.5, 0.0, 0.2)       # [m], about the middle of a table-top workspace
_TABLE = (0.5, 0.0)
_QUARTER = 4                    # boxes look the same after a quarter turn


def rotate(vectors, yaw):
    """Return ``vectors`` [..., V, N], whose first two are x and y, turned by ``yaw`` [...] rad."""
    yaw = yaw[..., None, None]
    planar, sine = vectors[..., :2], torch.sin(yaw)
    across = torch.cat([-sine, sine], -1) * planar.flip(-1)
    return torch.cat([torch.addcmul(across, planar, torch.cos(yaw)), vectors[..., 2:]], -1)


class Features(nn.Module):
    """
    Fixed feature maps of states [..., X].

    ``contact`` is for the dynamics: where the tool is and goes, seen from each object;
    ``context`` is for the encoder, free of the goal; ``intent`` adds the goal for the
    heads, with tanh at two scales, so that millimetres near the goal count.  Written for few
    operations: networks as small as these take less time than what is around them.
    """

    def __init__(self, layout: StateLayout, task: TaskSpec):
        super().__init__()
        self.layout = layout
        # A task that never moves the gripper has never seen it at another width either.
        gripper = 20.0 if task.active[4] else 0.0
        objects = layout.objects
        self.contact_width = 15 + 17 * objects
        self.context_width = 13 + 15 * objects
        if layout.grips:
            self.contact_width += 3 + 5 * objects + 6 * objects * (objects - 1)
            self.context_width += 2 + 6 * objects
        if layout.stacks:
            self.contact_width += 2 * objects * (objects - 1)
            self.context_width += 2 * objects * (objects - 1)
        self.intent_width = self.context_width + 9 * (1 + objects)
        for name, values in (
                ('robot_scale', [20.0] * 3 + [2.5] * 9 + [40.0] * 3),
                ('object_scale', [4.0] * 6 + [40.0] * 3 + [2.5] * 3 + [0.2, 1.0, 1.0, 10.0, 1.0]),
                ('object_shift', [0.0] * 15 + [-0.25, 0.0]),
                ('context_scale', [4.0] * 3 + [2.5] * 3 + [20.0] * 3 + [2.5] * 3 + [gripper]),
                ('thing_scale', [4.0] * 3 + [1.0] * 3 + [4.0] * 3 + [2.5] * 3 + [0.2, 1.0, 1.0]),
                ('grip_scale', [20.0, 20.0, 40.0]), ('precise', [40.0, 40.0, 60.0]),
                ('centre', _CENTRE), ('table', _TABLE), ('gap_scale', [30.0, 120.0]),
                ('way_scale', [[4.0], [30.0], [120.0]])):
            self.register_buffer(name, torch.tensor(values), persistent=False)

    def contact(self, state, following):
        """Return [..., contact_width] of ``state`` and the robot's part of ``following``."""
        layout = self.layout
        ee, ahead = state[..., layout.ee], following[..., layout.ee]
        robot = torch.cat([
            state[..., layout.setpoint] - ee, state[..., layout.ee_velocity],
            state[..., layout.setpoint_velocity], following[..., layout.setpoint_velocity],
            ahead - ee], -1) * self.robot_scale
        if not layout.objects:
            return robot
        things = layout.things(state)
        bottoms = self._bottoms(state, things)
        parts = [robot, self._touch(things, bottoms, ee, ahead).flatten(-2)]
        if layout.grips:
            parts += self._grasp(state, following, things)
        if layout.stacks:
            parts += self._gaps(state, things, bottoms)
        return torch.cat(parts, -1)

    def _bottoms(self, state, things):
        """Return how high the undersides of ``things`` [..., M, 1] are, centres if not known."""
        if not self.layout.stacks:
            return things[..., 2:3]
        return things[..., 2:3] - state[..., self.layout.heights, None]

    def _gaps(self, state, things, bottoms):
        """Return how far each thing is above the top of each other one, in parts [..., 2]."""
        tops = things[..., 2:3] + state[..., self.layout.heights, None]
        gaps = bottoms - tops.transpose(-1, -2)
        return [torch.tanh(gaps[..., i, j:j + 1] * self.gap_scale)
                for i in range(self.layout.objects) for j in range(self.layout.objects) if i != j]

    def _grasp(self, state, following, things):
        """Return what closing and carrying depend on, in parts [..., *]."""
        width, wanted = state[..., 14:15], following[..., -1:]
        grip = torch.cat([width, wanted, wanted - width], -1) * self.grip_scale
        offset = following[..., None, :3] - things[..., :3]
        seen = rotate(offset[..., None, :], -things[..., 3])[..., 0, :]
        turn = _QUARTER * (following[..., None, self.layout.yaw:self.layout.yaw + 1]
                           - things[..., 3:4])
        fine = torch.cat([torch.tanh(self.precise * seen), torch.sin(turn), torch.cos(turn)], -1)
        parts = [grip, fine.flatten(-2)]
        for i in range(self.layout.objects):
            for j in range(self.layout.objects):
                if i != j:
                    apart = rotate((things[..., j, :3] - things[..., i, :3])[..., None, :],
                                   -things[..., i, 3])[..., 0, :]
                    parts += [torch.tanh(8 * apart), torch.tanh(40 * apart)]
        return parts

    def _touch(self, things, bottoms, ee, ahead):
        """Return the tool's way from ``ee`` to ``ahead`` as ``things`` [..., M, 8] see it."""
        place = things[..., :3]
        seen = rotate(torch.stack([ee[..., None, :] - place, ahead[..., None, :] - place,
                                   things[..., 4:7]], -2), -things[..., 3])
        ways = seen[..., :2, :]
        rim = ways[..., :2].abs().amax(-1)
        # Distances saturate away from where contact happens: the rim and the top of a block.
        near = torch.tanh(torch.cat([
            5 * ways.flatten(-2), 20 * rim - 0.6, 30 * ways[..., 1, 2:] - 1.5], -1))
        return torch.addcmul(self.object_shift, torch.cat([
            near[..., :6], ways[..., 1, :] - ways[..., 0, :], seen[..., 2, :], things[..., 7:],
            near[..., 6:8], bottoms, near[..., 8:]], -1), self.object_scale)

    def context(self, state):
        """Return [..., context_width]: the state without its goal."""
        layout = self.layout
        ee = state[..., layout.ee]
        robot = torch.cat([
            ee - self.centre, state[..., layout.ee_velocity], state[..., layout.setpoint] - ee,
            state[..., layout.setpoint_velocity], state[..., layout.gripper:layout.gripper + 1]],
            -1) * self.context_scale
        if not layout.objects:
            return robot
        things = layout.things(state)
        bottoms, yaw = self._bottoms(state, things), _QUARTER * things[..., 3:4]
        offset = things[..., :3] - ee[..., None, :]
        seen = torch.cat([
            offset, torch.tanh(30 * offset), things[..., :2] - self.table[:2], bottoms,
            things[..., 4:], torch.sin(yaw), torch.cos(yaw)], -1) * self.thing_scale
        parts = [robot, seen.flatten(-2)]
        if layout.grips:
            parts += self._hold(state, offset, bottoms, yaw)
        if layout.stacks:
            parts += self._gaps(state, things, bottoms)
        return torch.cat(parts, -1)

    def _hold(self, state, offset, bottoms, yaw):
        """Return the gripper's command, and to millimetres where objects are seen from it."""
        width, wanted = state[..., 14:15], state[..., -1:]
        turn = _QUARTER * state[..., None, self.layout.yaw:self.layout.yaw + 1] - yaw
        fine = torch.cat([torch.tanh(120 * offset), torch.sin(turn), torch.cos(turn),
                          torch.tanh(30 * bottoms)], -1)
        return [20 * wanted, 40 * (wanted - width), fine.flatten(-2)]

    def intent(self, state, goal):
        """Return [..., intent_width] of ``state`` and ``goal`` [..., 3] (position)."""
        layout = self.layout
        points = state[..., None, layout.ee]
        if layout.objects:
            points = torch.cat([points, layout.things(state)[..., :3]], -2)
        ways = (goal[..., None, :] - points)[..., None, :] * self.way_scale
        near = torch.cat([ways[..., :1, :], torch.tanh(ways[..., 1:, :])], -2)
        return torch.cat([self.context(state), near.flatten(-3)], -1)
