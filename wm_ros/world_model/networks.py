"""Small building blocks: MLPs with LayerNorm and SiLU, SimNorm, batched ensembles."""

import math

import torch
from torch import nn
from torch.nn import functional


class SimNorm(nn.Module):
    """Softmax over groups of ``width`` (TD-MPC2, Hansen et al. 2024, section 3)."""

    def __init__(self, width: int = 8):
        super().__init__()
        self.width = width

    def forward(self, x):
        """Return x [..., D] on products of simplices."""
        # torch.softmax over so few values is several times slower than this.
        groups = torch.exp(x.clamp(-20.0, 20.0).unflatten(-1, (-1, self.width)))
        return (groups / groups.sum(-1, keepdim=True)).flatten(-2)


def mlp(sizes, normalise=True):
    """
    Return Linear (LayerNorm) SiLU ... Linear of the given widths.

    TD-MPC2 has Mish, which takes a CPU ten times as long.
    """
    layers = []
    for i, (a, b) in enumerate(zip(sizes[:-2], sizes[1:-1])):
        layers += [nn.Linear(a, b)] + ([nn.LayerNorm(b)] if normalise else []) + [nn.SiLU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-2], sizes[-1]))


class EnsembleMLP(nn.Module):
    """
    E independent MLPs in one batched product; no normalisation, SiLU.

    Input [K, I] (shared) or [E, K, I]; output [E, K, O].
    """

    def __init__(self, members: int, sizes):
        super().__init__()
        self.members = members
        self.weights = nn.ParameterList()
        self.biases = nn.ParameterList()
        for a, b in zip(sizes[:-1], sizes[1:]):
            bound = 1 / math.sqrt(a)
            self.weights.append(nn.Parameter(torch.empty(members, a, b).uniform_(-bound, bound)))
            self.biases.append(nn.Parameter(torch.empty(members, 1, b).uniform_(-bound, bound)))

    def forward(self, x):
        """Return each member's output."""
        if x.dim() == 2:
            x = x.expand(self.members, *x.shape)
        last = len(self.weights) - 1
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            x = torch.baddbmm(bias, x, weight)
            if i < last:
                x = functional.silu(x)
        return x
