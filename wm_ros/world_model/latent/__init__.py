"""Latent dynamics: one interface, several kinds."""

from wm_ros.world_model.latent.base import at, Filtered, LatentDynamics
from wm_ros.world_model.latent.branching import Branching, BranchingConfig
from wm_ros.world_model.latent.flow import Flow
from wm_ros.world_model.latent.rssm import Rssm, RssmConfig
from wm_ros.world_model.latent.simnorm import SimNormConfig, SimNormLatent
from wm_ros.world_model.latent.transformer import TokenTransformer, TransformerConfig

__all__ = ['Branching', 'BranchingConfig', 'Filtered', 'Flow', 'LatentDynamics', 'Rssm',
           'RssmConfig', 'SimNormConfig', 'SimNormLatent', 'TokenTransformer',
           'TransformerConfig', 'at']
