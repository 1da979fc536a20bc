"""Recipes: how much of what goes into training, per task; saved in the checkpoint."""

from dataclasses import asdict, dataclass, replace
import math

from wm_ros.tasks import get_task

_NEEDED = ('first_episodes', 'first_updates')
_LINEAR = 0.15


@dataclass(frozen=True)
class Recipe:
    """
    Amounts of one training run; episodes are counted in environment steps as they come.

    Raises ValueError for what makes no training.
    """

    first_episodes: int         # scripted with noise, or random without demonstrations
    first_updates: int
    rounds: int                 # of collecting with the model itself and training on
    prior_episodes: int         # per round: policy prior, disturbed
    planner_episodes: int       # per round: planner
    round_updates: int
    last_updates: int
    demonstrations: bool = True
    context: int = 0            # width of the model's, see ``ModelConfig``
    edge_share: float = 0.0     # of all episodes, where there are edge cases
    linear: float = 0.0         # errors of the policy beyond which count linearly; 0: all squared

    def __post_init__(self):
        for name in self.__annotations__:
            value, least = getattr(self, name), int(name in _NEEDED)
            if not least <= value < math.inf:
                raise ValueError(f'{name}: got {value:g}, expected at least {least}')

    def to_dict(self) -> dict:
        """Return it as plain data, for checkpoints."""
        return asdict(self)

    @property
    def updates(self) -> int:
        """Return gradient steps in all."""
        return self.first_updates + self.rounds * self.round_updates + self.last_updates


_PUSH = Recipe(300, 2500, 4, 60, 15, 700, 3000)
RECIPES = {
    'reach': Recipe(60, 600, 1, 20, 10, 300, 900),
    'push': _PUSH,
    'stack': replace(_PUSH, linear=_LINEAR),
}
# Without a script to imitate, the planner is the teacher: more rounds, most of them its own.
_ALONE = {
    'reach': Recipe(60, 500, 4, 0, 15, 400, 800, False),
    'push': Recipe(120, 1500, 12, 0, 40, 600, 3000, False),
}
#: A planner without a teacher must find the object by itself and look around.
ALONE_PLANNER = {'objective.approach': 0.3, 'planner.noise_std': 0.5,
                 'planner.num_policy_samples': 32}


#: Worlds that vary need more of everything, and something to tell them apart by.
_CONTEXT, _MORE = 16, 1.6
#: What goes on from a checkpoint needs less of everything.
_LESS = 0.4
_AMOUNTS = ('first_episodes', 'first_updates', 'rounds', 'prior_episodes', 'round_updates',
            'last_updates')
_EDGE_SHARE = 0.5


def get_recipe(task: str, demonstrations: bool = True, debug: bool = False,
               randomized: bool = False, onward: bool = False, edge_cases: bool = False) -> Recipe:
    """
    Return the recipe of ``task``; ``debug`` runs every part of it in seconds.

    A task without one of its own takes that of push, or of reach where there are no objects.
    ``randomized`` ones are for worlds that vary, ``onward`` ones go on from a checkpoint, and with
    ``edge_cases`` some of the episodes are of these.
    """
    recipes = RECIPES if demonstrations else _ALONE
    like = 'push' if get_task(task).object_names else 'reach'
    recipe = recipes.get(task, recipes[like])
    if randomized:
        recipe = replace(_times(_MORE, recipe), context=_CONTEXT, linear=_LINEAR)
    if onward:
        recipe = _times(_LESS, recipe)
    if edge_cases:
        recipe = replace(recipe, edge_share=_EDGE_SHARE)
    if debug:
        recipe = replace(recipe, first_episodes=6, first_updates=20, rounds=1,
                         prior_episodes=min(2, recipe.prior_episodes), planner_episodes=1,
                         round_updates=10, last_updates=20)
    return recipe


def _times(factor, recipe) -> Recipe:
    """Return ``recipe`` with so many times the amounts; what is in it stays in it."""
    amounts = {name: getattr(recipe, name) for name in _AMOUNTS}
    return replace(recipe, **{name: max(min(amount, 1), round(factor * amount))
                              for name, amount in amounts.items()})
