"""Sensor streams become discrete tokens: coarse globals above fine locals."""

from wm_ros.world_model.tokens.config import FrameConfig
from wm_ros.world_model.tokens.frame import FrameTokenizer, FrameTokens, Reconstruction
from wm_ros.world_model.tokens.quantize import FiniteScalar, make_quantizer, VectorCodebook

__all__ = ['FiniteScalar', 'FrameConfig', 'FrameTokenizer', 'FrameTokens', 'Reconstruction',
           'VectorCodebook', 'make_quantizer']
