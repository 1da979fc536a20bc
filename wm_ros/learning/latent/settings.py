"""How a latent agent is trained in an environment."""

from dataclasses import asdict, dataclass, fields
import math

from wm_ros.learning.latent.losses import Weights
from wm_ros.types import WmRosError

#: Planners that need nothing but a latent model, and what does not search.
JUDGES = 'mppi', 'cem', 'gradient', 'tree', 'prior'


@dataclass(frozen=True)
class EnvSettings:
    """Amounts of one run of training, and sizes of its networks."""

    steps: int = 1_000_000      # of all environments together
    environments: int = 8       # played in turn
    random: int = 2000          # steps before the first update
    stride: int = 6             # steps for each update
    batch: int = 256            # windows
    horizon: int = 3            # steps of a window
    hindsight: float = 0.8      # share of windows with a goal that was achieved later
    noise: float = 0.15         # of the actions played, share of full action
    wander: float = 0.2         # share of steps that are random, held for a while
    learning_rate: float = 1e-3
    follow: float = 0.01        # rate at which target values follow
    capacity: int = 1_000_000   # steps that are remembered
    evaluate: int = 20_000      # steps between evaluations, and between saved states
    episodes: int = 50          # of an evaluation
    judge: str = 'mppi'         # planner of evaluations; prior: the policy alone
    latent: int = 128
    hidden: int = 256
    values: int = 2
    bins: int = 65              # 1: plain numbers
    discount: float = 0.95
    activation: str = 'silu'    # or mish
    consistency: float = Weights.consistency
    reward: float = Weights.reward
    value: float = Weights.value
    fading: float = Weights.fading
    smoothing: float = Weights.smoothing
    effort: float = Weights.effort
    imitation: float = Weights.imitation

    def __post_init__(self):
        least = {'steps': 1, 'environments': 1, 'random': 1, 'stride': 1, 'batch': 2,
                 'horizon': 1, 'evaluate': 1, 'episodes': 1, 'capacity': 1000}
        for name, low in least.items():
            if getattr(self, name) < low:
                raise WmRosError(f'--set {name}: got {getattr(self, name)}, expected at least '
                                 f'{low}')
        for name in ('hindsight', 'wander', 'noise', 'follow', 'fading'):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise WmRosError(f'--set {name}: got {getattr(self, name):g}, expected from 0 '
                                 'to 1')
        for name in ('learning_rate', *(field.name for field in fields(Weights))):
            self._check_amount(name, above=name == 'learning_rate')
        if not 0.0 < self.discount < 1.0:
            raise WmRosError(f'--set discount: got {self.discount:g}, expected above 0 and '
                             'below 1')
        if self.judge not in JUDGES:
            raise WmRosError(f'--set judge: got {self.judge!r}, expected one of '
                             f'{", ".join(JUDGES)}')

    def _check_amount(self, name, above):
        value = getattr(self, name)
        if not math.isfinite(value) or value < 0.0 or above and value == 0.0:
            raise WmRosError(f'--set {name}: got {value:g}, expected a number '
                             f'{"above" if above else "of at least"} 0')

    def rows(self, longest: int) -> int:
        """Return the moments to remember, room for episodes of ``longest`` steps included."""
        steps = min(self.capacity, self.steps)
        return steps + steps // 4 + 2 * longest + 1000

    @property
    def weights(self) -> Weights:
        """What counts how much in the losses."""
        return Weights(**{field.name: getattr(self, field.name) for field in fields(Weights)})

    def to_dict(self) -> dict:
        """Return it as plain data, for checkpoints."""
        return asdict(self)
