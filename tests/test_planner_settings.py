"""Planner settings, from parameters as ROS users name them."""

from model_testing import make_model, ROBOT
import pytest
from wm_ros.param_table import MPC, TABLE
from wm_ros.planning import Mpc, PlannerSettings
from wm_ros.tasks import get_task
from wm_ros.types import ParameterError

PLANNER = {name: value for name, value in TABLE.defaults(MPC).items()
           if name.startswith(('planner.', 'objective.'))}
BAD = [
    ({'planner.horizon': 0}, 'planner.horizon'), ({'planner.horizon': 2.5}, 'an integer'),
    ({'planner.horizon': True}, 'planner.horizon'), ({'planner.type': 'cme'}, 'one of mppi'),
    ({'planner.temperature': float('nan')}, 'finite'),
    ({'planner.noise_std': float('inf')}, 'finite'), ({'planner.noise_std': -0.1}, 'from 0'),
    ({'planner.noise_std': '0.3'}, 'a number'), ({'planner.noise_correlation': 1.0}, 'from 0'),
    ({'objective.goal': float('nan')}, 'objective.goal'), ({'objective.goal': -1.0}, 'from 0'),
    ({'objective.gaol': 1.0}, "did you mean 'objective.goal'"),
    ({'planner.horizn': 5}, "did you mean 'planner.horizon'"),
    ({'planner.num_elites': 65, 'planner.num_samples': 64}, 'at most planner.num_samples'),
    ({'planner.num_samples': 2}, 'at most planner.num_samples'),
    ({'planner.num_samples': 4, 'planner.num_elites': 2, 'planner.num_policy_samples': 5},
     'planner.num_policy_samples: got 5')]


def test_defaults_are_those_of_the_table():
    settings = PlannerSettings.from_params({})
    assert settings == PlannerSettings.from_params(PLANNER)
    for name, value in PLANNER.items():
        group, short = name.split('.')
        if name == 'planner.backend':       # of the model, not of what searches in it
            continue
        found = settings.weights[short] if group == 'objective' else getattr(settings, short)
        assert value == (list(found) if isinstance(found, tuple) else found)


def test_values_arrive():
    settings = PlannerSettings.from_params({
        'planner.horizon': 7, 'planner.noise_std': 1, 'objective.effort': 0.25})
    assert settings.horizon == 7 and settings.weights['effort'] == 0.25
    assert settings.noise_std == 1.0 and isinstance(settings.noise_std, float)


def test_parameters_of_other_groups_do_not_matter():
    assert PlannerSettings.from_params({'belief_timeout': 3.0, 'task': 'push'}) == \
        PlannerSettings.from_params({})


@pytest.mark.parametrize('params, said', BAD)
def test_bad_parameters(params, said):
    with pytest.raises(ParameterError, match=said) as caught:
        PlannerSettings.from_params(params)
    assert '\n' not in str(caught.value)


@pytest.fixture(scope='module')
def mpc():
    return Mpc(make_model(), ROBOT, get_task('reach'), PlannerSettings.from_params({}))


@pytest.mark.parametrize('params, said', BAD + [({'planner.dt': 0.1}, 'trained with')])
def test_a_bad_change_changes_nothing(mpc, params, said):
    before = mpc.settings
    with pytest.raises(ParameterError, match=said):
        # A good one beside it does not come through either.
        mpc.reconfigure({'objective.smoothness': 0.75, **params})
    assert mpc.settings is before


def test_a_good_change_is_in_use(mpc):
    before = mpc.settings
    mpc.reconfigure({'planner.horizon': 4, 'objective.smoothness': 0.75})
    assert (mpc.settings.horizon, mpc.settings.weights['smoothness']) == (4, 0.75)
    mpc.reconfigure({})
    assert mpc.settings == before


def test_a_step_that_is_not_the_models_is_refused():
    with pytest.raises(ParameterError, match='planner.dt: got 0.1, expected 0.05'):
        Mpc(make_model(), ROBOT, get_task('reach'),
            PlannerSettings.from_params({'planner.dt': 0.1}))
