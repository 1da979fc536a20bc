"""What the networks see of an explicit state: relative, in the object's frame, precise."""

import torch
from wm_ros.tasks import TaskSpec
from wm_ros.world_model.state import StateLayout


def rotate(vector, yaw):
    """Return ``vector`` [..., 3] turned by ``yaw`` [...] rad about z."""
    c, s = torch.cos(yaw), torch.sin(yaw)
    x, y, z = vector.unbind(-1)
    return torch.stack([c * x - s * y, s * x + c * y, z], -1)


class Features:
    """
    Fixed feature maps of states [..., X].

    ``contact`` is for the dynamics: where the tool is and goes, seen from each object;
    ``context`` is for the encoder, free of the goal; ``intent`` adds the goal for the
    heads, with tanh at two scales, so that millimetres near the goal count.
    """

    def __init__(self, layout: StateLayout, task: TaskSpec):
        self.layout, self.task = layout, task
        # A task that never moves the gripper has never seen it at another width either.
        self._gripper = 20.0 if task.active[4] else 0.0
        objects = layout.objects
        self.contact_width = 15 + 17 * objects
        self.context_width = 13 + 15 * objects
        self.intent_width = self.context_width + 9 * (1 + objects)

    def contact(self, state, following):
        """Return [..., contact_width] of ``state`` and the robot's part of ``following``."""
        layout = self.layout
        ee, velocity = state[..., layout.ee], state[..., layout.ee_velocity]
        lag = state[..., layout.setpoint] - ee
        ahead = following[..., layout.ee] - ee
        parts = [20 * lag, 2.5 * velocity, 2.5 * state[..., layout.setpoint_velocity],
                 2.5 * following[..., layout.setpoint_velocity], 40 * ahead]
        for index in range(layout.objects):
            thing = state[..., layout.object_slots(index)]
            yaw = thing[..., 3]
            offset = rotate(ee - thing[..., :3], -yaw)
            after = rotate(following[..., layout.ee] - thing[..., :3], -yaw)
            parts += [
                _near(offset), _near(after), 40 * (after - offset),
                2.5 * rotate(thing[..., 4:7], -yaw), 0.2 * thing[..., 7:8],
                torch.tanh(20 * (offset[..., :2].abs().amax(-1, keepdim=True) - 0.03)),
                torch.tanh(20 * (after[..., :2].abs().amax(-1, keepdim=True) - 0.03)),
                10 * thing[..., 2:3] - 0.25,
                torch.tanh(30 * (after[..., 2:3] - 0.05))]
        return torch.cat(parts, -1)

    def context(self, state):
        """Return [..., context_width]: the state without its goal."""
        layout = self.layout
        ee = state[..., layout.ee]
        parts = [4 * (ee - ee.new_tensor([0.5, 0.0, 0.2])), 2.5 * state[..., layout.ee_velocity],
                 20 * (state[..., layout.setpoint] - ee),
                 2.5 * state[..., layout.setpoint_velocity],
                 self._gripper * state[..., layout.gripper:layout.gripper + 1]]
        for index in range(layout.objects):
            thing = state[..., layout.object_slots(index)]
            offset = thing[..., :3] - ee
            yaw = 4 * thing[..., 3:4]       # boxes look the same after a quarter turn
            parts += [4 * offset, torch.tanh(30 * offset),
                      4 * (thing[..., :3] - ee.new_tensor([0.5, 0.0, 0.0])),
                      2.5 * thing[..., 4:7], 0.2 * thing[..., 7:8], torch.sin(yaw),
                      torch.cos(yaw)]
        return torch.cat(parts, -1)

    def intent(self, state, goal):
        """Return [..., intent_width] of ``state`` and ``goal`` [..., 3] (position)."""
        layout = self.layout
        points = [state[..., layout.ee]]
        points += [state[..., layout.object_position(i)] for i in range(layout.objects)]
        parts = [self.context(state)]
        for point in points:
            way = goal - point
            parts += [4 * way, torch.tanh(30 * way), torch.tanh(120 * way)]
        return torch.cat(parts, -1)


def _near(offset):
    """Return an offset [..., 3] m scaled to where contact happens, saturating beyond."""
    return 4 * torch.tanh(5 * offset)
