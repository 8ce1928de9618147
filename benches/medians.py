"""Medians, and how sure they are. Pure: the same samples give the same figures."""
import random
from statistics import median

DRAWS = 1000
SURE = 0.95


def above(rounds, module, floor="permit"):
    """What a module took in each round more than the floor took in the same round."""
    return [taken[module] - taken[floor] for taken in rounds]


def interval(figure, *groups):
    """Where the figure of these samples lies with 95 %: the bootstrap, which supposes nothing of how they spread.

    Each group is drawn again from itself, sample by sample. What belongs together, like the logins of a round, is one
    sample and stays together.
    """
    draw = random.Random(1).choices
    drawn = sorted(figure(*(draw(group, k=len(group)) for group in groups)) for _ in range(DRAWS))
    cut = round(DRAWS * (1 - SURE) / 2)
    return drawn[cut], drawn[-1 - cut]


def over_floor(module, floor="permit"):
    """The median of the differences, in each round, to the floor."""
    return lambda rounds: median(above(rounds, module, floor))


def ratio(module, of, floor="permit"):
    """How often `of` goes into it: of the medians of what both take above the floor in the same rounds."""
    return lambda rounds: over_floor(module, floor)(rounds) / over_floor(of, floor)(rounds)


def growth(module):
    """How many times longer than in the other rounds it takes above the floor."""
    return lambda rounds, others: over_floor(module)(rounds) / over_floor(module)(others)
