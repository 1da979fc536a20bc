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


class Teller(nn.Module):
    """
    Tells hidden numbers, all above 0, by the context: their logarithms are linear in it.

    In training they are known, so that the context learns to hold them (Kumar et al. 2021, RMA).
    """

    def __init__(self, context: int, count: int):
        super().__init__()
        self.read = nn.Linear(context, count)
        self.register_buffer('middle', torch.zeros(count))
        self.register_buffer('width', torch.ones(count))

    def forward(self, context):
        """Return the numbers [..., N]."""
        return torch.exp(self.middle + self.width * self.read(context))

    @torch.no_grad()
    def fit(self, numbers):
        """Learn what is usual of ``numbers`` [R, N], NaN where one is not known."""
        for index, column in enumerate(numbers.T):
            logs = torch.log(column[torch.isfinite(column)])
            self.middle[index] = logs.mean()
            self.width[index] = logs.std().clamp(min=1e-3)

    def loss(self, context, numbers):
        """Return by how much [scalar] it is off, in usual widths, of what is known [..., N]."""
        known = torch.isfinite(numbers)
        wanted = (torch.log(torch.where(known, numbers, 1.0)) - self.middle) / self.width
        misses = torch.where(known, self.read(context) - wanted, 0.0)
        return misses.square().sum() / known.sum().clamp(min=1)
