"""The latent world model: belief, dynamics, heads, checkpoints."""

from wm_ros.world_model.agent.checkpoint import load_checkpoint, save_checkpoint
from wm_ros.world_model.agent.model import WorldModel
from wm_ros.world_model.agent.rollout import Dream

__all__ = ['Dream', 'WorldModel', 'load_checkpoint', 'save_checkpoint']
