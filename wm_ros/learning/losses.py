"""The losses of the world model and its heads."""

import numpy as np
import torch
from torch.nn import functional
from wm_ros.world_model.agent.dynamics import Dynamics

_RIDGE, _FIRM = 1e-6, 1e-2      # of the lag's fit, as a share of each input's mean square


@torch.no_grad()
def fit_lag(dynamics: Dynamics, state, action, reached, firmly: bool = False):
    """
    Fit the actuation lag on transitions [B, X], [B, A], [B, X].

    Least squares per axis; contacts are left to the ensemble.  An arm that follows closely shows
    little of how it comes back from elsewhere: ``firmly``, what is not seen is taken to be that
    it is at its setpoint a step later, so that what the lag predicts never runs away.
    """
    inputs = dynamics.lag_inputs(state, dynamics.move_setpoint(state, action)).reshape(-1, 4)
    targets = torch.stack([reached[:, :3] - state[:, :3], reached[:, 3:6]], -1)
    inputs, targets = inputs.double(), targets.reshape(-1, 2).double()
    if not firmly:
        dynamics.lag.copy_(_ridge(inputs, targets, _RIDGE))
        return
    half = 0.5 * dynamics.rule.dt
    follows = torch.tensor([[1.0, 0.0], [0.0, 0.0], [half, 0.0], [half, 1.0]]).to(inputs)
    dynamics.lag.copy_(follows + _ridge(inputs, targets - inputs @ follows, _FIRM))


@torch.no_grad()
def fit_scale(dynamics: Dynamics, state, action, reached):
    """Fit the scales of what the ensemble is left, on transitions as in ``fit_lag``."""
    following = dynamics.follow(state, dynamics.move_setpoint(state, action))
    residual = dynamics.target_residual(state, following, reached)
    dynamics.scale.copy_(residual.std(0).clamp(min=1e-4))


def _ridge(inputs, targets, ridge):
    """
    Return the linear map [I, O] from ``inputs`` [N, I] to ``targets`` [N, O].

    Columns are nearly collinear.  Plain least squares cuts some of them off or not by the
    last bits, which depend on where in memory the arrays lie; a little ridge does not.
    """
    scale = inputs.square().mean(0).sqrt().clamp(min=1e-9)
    scaled = inputs / scale
    gram = scaled.T @ scaled / len(scaled) + ridge * torch.eye(
        len(scale), dtype=scaled.dtype, device=scaled.device)
    return torch.linalg.solve(gram, scaled.T @ targets / len(scaled)) / scale[:, None]


def ensemble_loss(dynamics: Dynamics, state, action, reached, latent, tool: bool = True):
    """
    Return the loss of the ensemble [scalar]; each member has its own rows.

    ``state``, ``reached`` [E, B, X], ``action`` [E, B, A], ``latent`` [E, B, D].  Without
    ``tool`` it learns to leave the tool where the fitted lag leads it.
    """
    following = dynamics.follow(state, dynamics.move_setpoint(state, action))
    target = dynamics.target_residual(state, following, reached) / dynamics.scale
    if not tool:
        target = functional.pad(target[..., 6:], (6, 0))
    contact = dynamics.features.contact(state, following)
    out = dynamics.ensemble(torch.cat([contact, latent], -1))
    return functional.smooth_l1_loss(out, target, beta=1.0)


def predict_latent(dynamics: Dynamics, state, latent, action):
    """Return the latent [..., D] that is expected after ``action``."""
    following = dynamics.follow(state, dynamics.move_setpoint(state, action))
    return dynamics.next_latent(dynamics.features.contact(state, following), latent, action)


def filter_latents(dynamics: Dynamics, states, actions, first):
    """
    Return posterior latents [L + 1, B, D] and predicted ones [L, B, D] along sequences.

    ``states`` [L + 1, B, X], ``actions`` [L, B, A]; ``first`` [B, D] is what was predicted
    for the first state.
    """
    posterior, predicted = [dynamics.encode(states[0], first)], []
    for t in range(len(actions)):
        predicted.append(predict_latent(dynamics, states[t], posterior[-1], actions[t]))
        posterior.append(dynamics.encode(states[t + 1], predicted[-1]))
    return torch.stack(posterior), torch.stack(predicted)


@torch.no_grad()
def filter_replay(dynamics: Dynamics, states, actions, felt, replay):
    """Return the predicted latent [rows, D] of every row of ``replay``, filtered in order."""
    lengths = np.array([len(e.states) for e in replay.episodes])
    offsets = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    order = np.argsort(-lengths, kind='stable')
    lengths, offsets = lengths[order], offsets[order]
    predicted = dynamics.initial_latent(states)
    for t in range(int(lengths[0]) - 1):
        rows = torch.as_tensor(offsets[lengths > t + 1] + t, device=states.device)
        latent = dynamics.encode(states[rows], predicted[rows])
        latent = predict_latent(dynamics, states[rows], latent, actions[rows])
        if dynamics.config.context:
            latent = dynamics.identified(states[rows], latent, states[rows + 1], felt[rows + 1])
        predicted[rows + 1] = latent
    return predicted


def identify(dynamics: Dynamics, states, felt, latents):
    """
    Return the latents [L, B, D] of a sequence in the context that its transitions show.

    ``states`` [L, B, X] and ``felt`` [L, B, 6], or more; ``latents`` [L, B, D] as they were
    filtered, of which the first has the context to begin with.  Gradients lead through the
    contexts.
    """
    own, found = dynamics.config.latent, [latents[0]]
    for t in range(len(latents) - 1):
        after = dynamics.identified(states[t], found[-1], states[t + 1], felt[t + 1])
        found.append(torch.cat([latents[t + 1, :, :own], after[:, own:]], -1))
    return torch.stack(found)


def consistency_loss(posterior, predicted):
    """Return how far predicted latents are from the encoder's (TD-MPC2, equation 3)."""
    return functional.mse_loss(predicted, posterior[1:].detach()) * predicted.shape[-1]


def policy_loss(dynamics: Dynamics, state, latent, goal, action, weight, linear: float = 0.0):
    """
    Return the weighted error of the policy prior on labelled rows [B, *].

    Beyond ``linear``, if not 0, errors count as such, not squared: between two ways that are both
    taught, to the left or to the right, it then takes one, and not their mean.
    """
    given = dynamics.policy(state, latent, goal)
    errors = (given - action).square() if not linear else 2.0 * functional.huber_loss(
        given, action, reduction='none', delta=linear)
    error = errors.sum(-1)
    return (error * weight).sum() / weight.sum().clamp(min=1.0)


def value_loss(dynamics: Dynamics, target: Dynamics, states, latents, goals, rewards):
    """
    Return the error of all value heads against n-step targets along sequences.

    ``states`` [L + 1, B, X], ``latents`` [L + 1, B, D], ``goals`` [B, 3], ``rewards``
    [L, B]; the value of a state is the discounted sum of the rewards after it.
    """
    discount, length = dynamics.config.discount, len(rewards)
    with torch.no_grad():
        returns = target.values(states[-1], latents[-1], goals).mean(0)
        targets = []
        for t in reversed(range(length)):
            returns = rewards[t] + discount * returns
            targets.append(returns)
        targets = torch.stack(targets[::-1])
    estimates = dynamics.values(states[:-1], latents[:-1], goals.expand(length, *goals.shape))
    return functional.mse_loss(estimates, targets.expand_as(estimates)) * 0.1


def lambda_returns(rewards, values, discount: float, mixing: float):
    """
    Return the lambda-returns [H, B] of ``rewards`` [H, B] (Sutton and Barto 2018, chapter 12).

    ``values`` [H + 1, B] are those of the states before each step, and of the last one.
    """
    found = [values[-1]]
    for reward, value in zip(rewards.flip(0), values[1:].flip(0)):
        found.append(reward + discount * ((1.0 - mixing) * value + mixing * found[-1]))
    return torch.stack(found[:0:-1])
