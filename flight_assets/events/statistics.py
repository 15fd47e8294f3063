"""Tails of distributions: how likely counts are when nothing is wrong.

A pattern's alpha bounds its false-alarm rate.
"""

from __future__ import annotations

from math import exp, lgamma, log, log1p

# Terms smaller than this share of the sum do not change it.
NEGLIGIBLE = 1e-12


def poisson_at_most(count: int, expected: float) -> float:
    """Return the probability of at most ``count`` events where ``expected`` are usual."""
    if expected <= 0:
        return 1.0
    term = exp(-expected)
    total = term
    for number in range(1, count + 1):
        term *= expected / number
        total += term
    return min(1.0, total)


def binomial_at_least(count: int, trials: int, share: float) -> float:
    """Return the probability of ``count`` or more successes in ``trials`` with probability ``share``."""
    if count <= 0 or share >= 1:
        return 1.0
    if share <= 0 or count > trials:
        return 0.0
    total, ratio = 0.0, share / (1 - share)
    term = exp(
        lgamma(trials + 1)
        - lgamma(count + 1)
        - lgamma(trials - count + 1)
        + count * log(share)
        + (trials - count) * log1p(-share)
    )
    for number in range(count, trials + 1):
        total += term
        if number > trials * share and term < total * NEGLIGIBLE:
            break
        term *= (trials - number) / (number + 1) * ratio
    return min(1.0, total)
