"""What is not seen and does not change, such as a block's mass, told by what came of actions."""

import torch
from torch import nn

_WIDTH = 64
_FAR = 4.0              # widths of the usual beyond which a surprise is no greater
_FORCE, _TORQUE = 5.0, 1.0      # [N], [N m] that count like the width of a surprise


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
        self.register_buffer('wrench', torch.tensor([_FORCE] * 3 + [_TORQUE] * 3),
                             persistent=False)

    def forward(self, context, seen, residual, action, felt):
        """
        Return the context [B, C] after one more transition.

        ``seen`` [B, I] are the dynamics' features of it, ``residual`` [B, O] what came of it
        beyond what is known exactly, in usual widths, ``action`` [B, A], ``felt`` [B, 6] the
        wrench N, N m at the wrist then, 0 where nothing is felt.
        """
        surprise = _FAR * torch.tanh(torch.cat([residual, felt / self.wrench], -1) / _FAR)
        return self.cell(self.inputs(torch.cat([seen, surprise, action], -1)), context)
