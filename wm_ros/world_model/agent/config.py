"""Sizes of the agent's networks, as checkpoints hold them."""

from dataclasses import asdict, dataclass
from typing import Tuple


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the networks; raises ValueError for any that make no sense."""

    latent: int = 32            # a multiple of SimNorm's width, 8
    members: int = 4
    ensemble_hidden: int = 128
    hidden: int = 128
    values: int = 3
    discount: float = 0.97
    context: int = 0            # width of what tells of hidden physics, 0: nothing does
    tells: Tuple[str, ...] = ()     # names of numbers that are read from the context

    def __post_init__(self):
        object.__setattr__(self, 'tells', tuple(self.tells))
        for name, low, high in (('latent', 8, 1024), ('members', 1, 64), ('values', 2, 64),
                                ('ensemble_hidden', 1, 4096), ('hidden', 1, 4096),
                                ('context', 0, 256)):
            value = getattr(self, name)
            if type(value) is not int or not low <= value <= high:
                raise ValueError(f'config.{name}: got {value!r}, expected an integer from {low} '
                                 f'to {high}')
        if self.latent % 8:
            raise ValueError(f'config.latent: got {self.latent}, expected a multiple of 8')
        if not all(type(name) is str for name in self.tells) or self.tells and not self.context:
            raise ValueError(f'config.tells: got {self.tells!r} with a context of {self.context}, '
                             'expected names, and a context that they are read from')
        if not 0.0 < self.discount < 1.0:
            raise ValueError(f'config.discount: got {self.discount!r}, expected between 0 and 1')

    def to_dict(self) -> dict:
        """Return it as plain data, for checkpoints."""
        return {**asdict(self), 'tells': list(self.tells)}
