"""Latent dynamics: one interface, several kinds."""

from wm_ros.world_model.latent.base import at, Filtered, LatentDynamics
from wm_ros.world_model.latent.flow import Flow, FlowConfig, FlowDynamics
from wm_ros.world_model.latent.rssm import Rssm, RssmConfig
from wm_ros.world_model.latent.simnorm import SimNormConfig, SimNormLatent
from wm_ros.world_model.latent.transformer import TokenTransformer, TransformerConfig

__all__ = ['Filtered', 'Flow', 'FlowConfig', 'FlowDynamics', 'LatentDynamics', 'Rssm',
           'RssmConfig', 'SimNormConfig', 'SimNormLatent', 'TokenTransformer',
           'TransformerConfig', 'at']
