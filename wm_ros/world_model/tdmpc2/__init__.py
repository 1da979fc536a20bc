"""Planning with a latent model as TD-MPC2's (Hansen et al. 2024), on a CPU in compiled form."""

from wm_ros.world_model.tdmpc2.agent import AgentConfig, LatentAgent
from wm_ros.world_model.tdmpc2.encoder import Encoder
from wm_ros.world_model.tdmpc2.model import LatentModel
from wm_ros.world_model.tdmpc2.network import Network, Sizes

__all__ = ['AgentConfig', 'Encoder', 'LatentAgent', 'LatentModel', 'Network', 'Sizes']
