"""The same dreams by large matrix products, each thread with candidates of its own."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import torch
from wm_ros.world_model.compiled import layers
from wm_ros.world_model.compiled.chain import as_array, Chain, PRECISIONS
from wm_ros.world_model.compiled.lanes import LANES
from wm_ros.world_model.tdmpc2.rollout import dreamed, LatentDream
from wm_ros.world_model.two_hot import symexp

# Numbers that a layer puts out before the next one takes them from a cache.  Rewards of several
# steps are asked for at once up to there: a product of few rows takes longer to call than to do.
_CACHED = 1 << 18
# Multiplications of a step below which a thread is not worth its while: threads take turns in what
# Python does between the products, and wait for each other there longer than they compute.
_WORTH = 1 << 24


class CompiledRollout:
    """
    Does what ``Rollout`` does, on a CPU, in ``precision`` (one of PRECISIONS), without gradients.

    Candidates are shared out among up to ``threads``, which meet once a dream and not once an
    operation; few or small ones are dreamed by one.  The weights are those of ``network``, also
    when they change later.  Holds memory: one instance per thread.
    """

    def __init__(self, network, precision: str = 'float32', threads: int = 1):
        self._network, self._precision, self._threads = network, precision, threads
        self._rooms, self._rows = [], 0
        self._step = sum(weight.numel() for weight in network.transition.parameters())
        self._pool = _pool(threads) if threads > 1 else None

    def __call__(self, latent, actions, guided: int, heads) -> LatentDream:
        """Return the dream of ``actions`` [K, H, A] from ``latent`` [D]; see ``Rollout``."""
        threads = min(self._threads, 1 + len(actions) * self._step // _WORTH)
        each = -(-len(actions) // threads)
        self._furnish(each, threads)
        jobs = [(room.run, latent, part, min(max(0, guided - i * each), len(part)), heads)
                for i, (room, part) in enumerate(zip(self._rooms, actions.split(each)))]
        if len(jobs) == 1:
            return dreamed(*jobs[0][0](*jobs[0][1:]))
        parts = [future.result() for future in [self._pool.submit(*job) for job in jobs]]
        return dreamed(*map(torch.cat, zip(*parts)))

    def _furnish(self, rows, count):
        if rows > self._rows:       # one for all counts: each holds the weights, packed
            self._rooms, self._rows = [], rows
        with torch.inference_mode(False):       # memory that may be written to in any mode
            while len(self._rooms) < count:
                self._rooms.append(_Room(self._network, self._rows, self._precision))


def _inputs(sizes):
    """Return the width of what networks are given: latent, action, nothing up to a vector."""
    return -(-(sizes.latent + sizes.actions) // LANES) * LANES


def _pool(threads):
    """Return threads that compute on one core each: how many is a thread's own affair."""
    before, together = torch.get_num_threads(), Barrier(threads)
    pool = ThreadPoolExecutor(threads, 'dream', torch.set_num_threads, (1,))
    list(pool.map(lambda _: together.wait(), range(threads)))
    torch.set_num_threads(before)       # of threads to come
    return pool


class _Room:
    """The networks for up to ``rows`` candidates."""

    def __init__(self, network, rows, precision):
        def chain(module, steps=1):
            return Chain(module, steps * rows, precision, _inputs(network.sizes))

        self._sizes, self._two_hot = network.sizes, network.two_hot
        self._kind = PRECISIONS[precision]
        self._together = max(1, _CACHED // (rows * network.sizes.hidden))
        self._transition = chain(network.transition)
        self._reward = chain(network.reward_head, self._together)
        self._values = [chain(head) for head in network.value_heads]
        self._policy = chain(network.policy_head)
        if self._two_hot is not None:
            bins = -(-self._sizes.bins // LANES) * LANES
            self._row, self._middles = np.zeros(bins, np.float32), np.zeros(bins, np.float32)
            self._middles[:self._sizes.bins] = self._two_hot.middles.numpy()
        self._numbers = np.zeros(rows * self._together, np.float32)

    @torch.inference_mode()
    def run(self, latent, actions, guided, heads):
        """Return actions [K, H, A], latents [K, H + 1, D], rewards [K, H] and values [K]."""
        sizes, (count, horizon, _) = self._sizes, actions.shape
        seen, acting = slice(sizes.latent), slice(sizes.latent, sizes.latent + sizes.actions)
        given = torch.empty(horizon + 1, count, _inputs(sizes), dtype=self._kind)
        given[0, :, seen], given[..., sizes.latent:] = latent, 0.0
        taken = actions.clone()
        taken[guided:].clamp_(-1.0, 1.0)
        given[:-1, :, acting] = taken.transpose(0, 1)
        for t in range(horizon):
            if guided:
                mine, led = taken[:guided, t], given[t, :guided]
                led[:, acting] = mine.add_(self._prior(led)).clamp_(-1.0, 1.0)
            given[t + 1, :, seen] = self._transition(given[t])
        rewards = [self._number(self._reward(part.flatten(0, 1)))
                   for part in given[:-1].split(self._together)]
        given[-1, :, acting] = self._prior(given[-1])
        values = sum(self._number(self._values[head](given[-1])) for head in heads) / len(heads)
        return (taken, given[..., seen].transpose(0, 1),
                torch.cat(rewards).view(horizon, count).t(), values)

    def _prior(self, given):
        return torch.tanh(self._policy(given)[:, :self._sizes.actions].float())

    def _number(self, output):
        """Return what a head's output [K, bins] says [K]."""
        if self._two_hot is None:
            return output[:, 0].float()
        numbers = self._numbers[:len(output)]
        layers.means(as_array(output), self._middles, self._row, numbers)
        return symexp(torch.from_numpy(numbers))
