"""The processes of one training: who they are, what they agree on, how their gradients meet.

`torchrun` starts the processes and names them in the environment. They share the rows of every
batch; gradients are summed by hand, one flat bucket after the other, after the backward pass: a
gradient of a gradient and modules that several phases train are then nothing special. Only the
first process writes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar, final

import torch
import torch.distributed as dist
from torch import Tensor

from primetone.errors import LostRankError

T = TypeVar("T")

PATIENCE = timedelta(hours=24)
"""How long processes wait for each other: the first may be encoding a corpus, or evaluating. One
that dies is noticed at once, by its connections."""

BUCKET_BYTES = 25 << 20
"""Gradients that travel together: large enough for the network, small enough to leave early."""


@final
@dataclass(frozen=True, kw_only=True)
class Ranks:
    """One process among those of a training; alone where nothing else was started."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    """Its number on this machine, which is also that of its GPU."""

    @property
    def is_first(self) -> bool:
        """Whether it is the one that writes and speaks."""
        return self.rank == 0

    def largest(self, values: Sequence[float]) -> list[float]:
        """Of each value the largest on any rank."""
        if self.world == 1:
            return list(values)
        found = torch.tensor(values, dtype=torch.float64)
        with _noticing_the_dead():
            dist.all_reduce(found, op=dist.ReduceOp.MAX)
        return found.tolist()

    def add(self, values: Tensor) -> Tensor:
        """The sum over all ranks, in place."""
        if self.world > 1:
            with _noticing_the_dead():
                dist.all_reduce(values)
        return values

    def first(self, action: Callable[[], T]) -> T | None:
        """What the first rank gets by `action`, on which the others wait; None on those.

        Errors: LostRankError on the others if the first one failed.
        """
        if not self.is_first:
            if self.largest([0.0]) != [0.0]:
                raise LostRankError("the first process of this training could not go on")
            return None
        has_failed = 1.0
        try:
            result = action()
            has_failed = 0.0
        finally:
            self.largest([has_failed])
        return result

    def share_weights(self, tensors: Sequence[Tensor]) -> None:
        """Every rank gets the first one's values: what machines differ in begins equal."""
        if self.world > 1:
            with _noticing_the_dead():
                for tensor in tensors:
                    dist.broadcast(tensor, 0)


def current_ranks() -> Ranks:
    """This process among those that `joined_ranks` brought together."""
    if not (dist.is_available() and dist.is_initialized()):
        return Ranks()
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    return Ranks(rank=dist.get_rank(), world=dist.get_world_size(), local_rank=local_rank)


@contextmanager
def joined_ranks() -> Iterator[Ranks]:
    """The processes that `torchrun` started, connected; without it, this one alone."""
    is_one_of_many = int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ
    if not is_one_of_many or current_ranks().world > 1:
        yield current_ranks()
        return
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, timeout=PATIENCE)
    try:
        yield current_ranks()
    finally:
        dist.destroy_process_group()


@final
class GradientSums:
    """Sums the gradients of some parameters over all ranks.

    With `overlap` a bucket leaves as soon as the last of its gradients is there, while the backward
    pass goes on; else all leave after it. Every rank has the same graph, so what has no gradient on
    one rank has none on any, and buckets leave in the same order everywhere.
    """

    def __init__(self, parameters: Sequence[Tensor], ranks: Ranks, *, overlap: bool) -> None:
        self.ranks = ranks
        self._buckets: list[_Bucket] = []
        self._is_last_pass = False
        if ranks.world == 1:
            return
        # gradients come about in the reverse order of their use
        for parameter in reversed(parameters):
            bucket = self._buckets[-1] if self._buckets else None
            if bucket is None or not bucket.takes(parameter):
                bucket = _Bucket(parameter)
                self._buckets.append(bucket)
            bucket.parameters.append(parameter)
            if overlap:
                hook = partial(self._arrived, bucket)
                parameter.register_post_accumulate_grad_hook(hook)

    def begin_last_pass(self) -> None:
        """The next backward pass is the step's last: its gradients are complete."""
        self._is_last_pass = True
        for bucket in self._buckets:
            bucket.missing = len(bucket.parameters)

    def finish(self) -> None:
        """Put the sums in the place of the gradients."""
        self._is_last_pass = False
        with _noticing_the_dead():
            self._send(self._buckets)
            for bucket in self._buckets:
                bucket.receive()

    def _arrived(self, bucket: _Bucket, parameter: Tensor) -> None:
        if not self._is_last_pass:
            return
        bucket.missing -= 1
        unready = [number for number, one in enumerate(self._buckets) if one.missing > 0]
        with _noticing_the_dead():
            self._send(self._buckets[: unready[0] if unready else None])

    def _send(self, buckets: Sequence[_Bucket]) -> None:
        for bucket in buckets:
            if bucket.work is None:
                bucket.send()


class _Bucket:
    """Parameters of one kind whose gradients travel as one tensor."""

    def __init__(self, like: Tensor) -> None:
        self.like = like
        self.parameters: list[Tensor] = []
        self.missing = 0
        self.work: Any = None
        self._flat = like.new_empty(0)

    def takes(self, parameter: Tensor) -> bool:
        is_alike = (parameter.dtype, parameter.device) == (self.like.dtype, self.like.device)
        size = sum(one.numel() for one in [*self.parameters, parameter])
        return is_alike and size * parameter.element_size() <= BUCKET_BYTES

    def send(self) -> None:
        if gradients := self._gradients():
            self._flat = torch.cat([one.flatten() for one in gradients])
            self.work = dist.all_reduce(self._flat, async_op=True)

    def receive(self) -> None:
        if self.work is None:
            return
        self.work.wait()
        self.work = None
        gradients = self._gradients()
        parts = self._flat.split([one.numel() for one in gradients])
        torch._foreach_copy_(
            gradients, [part.view_as(one) for part, one in zip(parts, gradients, strict=True)]
        )

    def _gradients(self) -> list[Tensor]:
        return [one.grad for one in self.parameters if one.grad is not None]


@contextmanager
def _noticing_the_dead() -> Iterator[None]:
    """A connection that breaks means that a process is gone; why, it has said itself."""
    try:
        yield
    except RuntimeError as error:
        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise LostRankError(
            "another process of this training is gone (its own message says why): mend that, then "
            "start all of them again with --resume auto"
        ) from error
