"""Settings of the planner, from parameters named as ROS users see them."""

from dataclasses import dataclass, fields
from typing import Any, Dict, Mapping, Tuple

from wm_ros.param_table import MPC, TABLE
from wm_ros.planning.keep_out import Boxes
from wm_ros.types import ParameterError


@dataclass(frozen=True)
class PlannerSettings:
    """``planner.*`` without its prefix, and ``objective.*`` as weights by name."""

    type: str  # noqa: A003 (mirrors planner.type)
    rate: float             # [Hz]
    horizon: int            # [steps]
    dt: float               # [s]
    num_samples: int
    num_elites: int
    iterations: int
    temperature: float
    num_policy_samples: int
    num_grip_samples: int
    noise_std: float        # share of full action
    noise_correlation: float
    noise_exponent: float
    num_starts: int
    step_size: float        # share of full action
    simulations: int
    depth: int
    num_children: int
    around_prior: bool
    prior: str              # policy or actor
    warm_start: bool
    deadline_ms: float      # 0: none
    solver: str             # of nlp: sqp or ipopt
    keep_out: Tuple[float, ...]     # [m], boxes: centre and lengths of each
    action_delay: float     # [s]
    seed: int
    weights: Mapping[str, float]

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> 'PlannerSettings':
        """
        Return settings from parameters of the mpc node; missing ones take their default.

        Raises ParameterError for unknown, mistyped or inconsistent values.
        """
        known = {name: value for name, value in params.items()
                 if name.startswith(('planner.', 'objective.'))}
        values = TABLE.resolve(MPC, known)
        planner: Dict[str, Any] = {
            item.name: values[f'planner.{item.name}'] for item in fields(cls)
            if item.name != 'weights'}
        weights = {name.split('.', 1)[1]: value for name, value in values.items()
                   if name.startswith('objective.')}
        planner['keep_out'] = tuple(planner['keep_out'])
        Boxes.from_numbers(planner['keep_out'])     # complains now
        settings = cls(weights=weights, **planner)
        if settings.num_elites > settings.num_samples:
            raise ParameterError(
                f'parameter planner.num_elites: got {settings.num_elites}, expected at most '
                f'planner.num_samples ({settings.num_samples})')
        if settings.num_policy_samples > settings.num_samples:
            raise ParameterError(
                f'parameter planner.num_policy_samples: got {settings.num_policy_samples}, '
                f'expected at most planner.num_samples ({settings.num_samples})')
        if settings.num_grip_samples >= settings.num_samples:
            raise ParameterError(
                f'parameter planner.num_grip_samples: got {settings.num_grip_samples}, '
                f'expected less than planner.num_samples ({settings.num_samples})')
        return settings
