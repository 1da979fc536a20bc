"""What is not seen and does not change, such as a block's mass, told by what came of actions."""

import torch
from torch import nn

_WIDTH = 64
_FAR = 4.0              # widths of the usual beyond which a surprise is no greater


class Identifier(nn.Module):
    """
    A recurrent network over transitions (Peng et al. 2018; Yu et al. 2017, online identification).

    Its state is the context: it goes along with the latent, is constant in dreams, and changes
    only with what is observed.
    """

    def __init__(self, inputs: int, width: int):
        super().__init__()
        self.inputs = nn.Sequential(nn.Linear(inputs, _WIDTH), nn.SiLU())
        self.cell = nn.GRUCell(_WIDTH, width)

    def forward(self, context, seen, residual, action):
        """
        Return the context [B, C] after one more transition.

        ``seen`` [B, I] are the dynamics' features of it, ``residual`` [B, O] what came of it
        beyond what is known exactly, in usual widths, ``action`` [B, A].
        """
        surprise = _FAR * torch.tanh(residual / _FAR)
        return self.cell(self.inputs(torch.cat([seen, surprise, action], -1)), context)
