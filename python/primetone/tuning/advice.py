"""What a user should know of a plan before hours go into it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from primetone.tuning.plan import Plan
from primetone.tuning.search import STARTUP, bracket_of


def notes_on(plan: Plan, total: int) -> Iterator[str]:
    """Sentences, each true of this plan and so many trials."""
    if plan.objective == "nats_per_token":
        yield (
            f"the family {plan.recipe.family!r} has no bits per byte: trials are compared by nats "
            "per token of its likelihood, in which its critic has no say"
        )
    if plan.sampler == "random":
        return
    guided = guided_trials(plan, total)
    if guided >= total / 2:
        return
    size = math.prod(len(one.choices) for one in plan.space.values() if one.choices)
    num_ranges = sum(not one.choices for one in plan.space.values())
    brackets = {bracket_of(plan, number) for number in range(total)}
    why = (
        f"Hyperband deals them out to {len(brackets)} brackets, and TPE draws at random until "
        f"{STARTUP} have ended in a trial's own bracket"
        if plan.pruner == "hyperband"
        else f"TPE draws the first {STARTUP} at random"
    )
    other = "" if plan.preset == "default" else ", or the preset default"
    yield (
        f"{total} trials are too few for this search: {why}, so at most {guided} of {total} "
        f"suggestions use what others found. The space has {num_ranges} ranges and {size:,} "
        f"combinations of its choices; {total} random points miss the best 5 % of it with "
        f"probability {0.95**total:.2f} and the best 1 % with {0.99**total:.2f}. Take "
        f"{enough_trials(plan)} trials or more{other}"
    )


def guided_trials(plan: Plan, total: int) -> int:
    """Trials of a study of that size whose values TPE can choose by what others found, at most."""
    seen: dict[int, int] = {}
    guided = 0
    for number in range(total):
        bracket = bracket_of(plan, number)
        guided += seen.get(bracket, 0) >= STARTUP
        seen[bracket] = seen.get(bracket, 0) + 1
    return guided


def enough_trials(plan: Plan) -> int:
    """The fewest trials of which half are guided."""
    total = 2
    while guided_trials(plan, total) < total / 2:
        total += 1
    return total
