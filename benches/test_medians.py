"""Are the figures of known samples those that they must be?"""
import random
import unittest

import medians


def rounds(count, cost, seed=7):
    """The machine is slow in half of the rounds, for all modules alike."""
    chance = random.Random(seed)
    made = []
    for _ in range(count):
        slow = chance.choice([100, 5000])
        made.append({"permit": slow, **{module: slow + own + chance.uniform(-1, 1) for module, own in cost.items()}})
    return made


class Medians(unittest.TestCase):
    def test_a_slow_round_is_no_difference_between_modules(self):
        made = rounds(200, {"google": 50, "ours": 75})
        self.assertAlmostEqual(medians.over_floor("google")(made), 50, delta=0.5)
        self.assertAlmostEqual(medians.ratio("ours", "google")(made), 1.5, delta=0.02)

    def test_an_interval_holds_what_is_true_about_so_often(self):
        held = 0
        for seed in range(40):
            chance = random.Random(seed)
            low, high = medians.interval(medians.median, [chance.gauss(10, 3) for _ in range(60)])
            held += low <= 10 <= high
        self.assertGreaterEqual(held, 34)
        self.assertLess(held, 41)

    def test_the_same_samples_give_the_same_interval_and_more_samples_a_smaller_one(self):
        figure = medians.ratio("ours", "google")
        few, many = (medians.interval(figure, rounds(count, {"google": 50, "ours": 75})) for count in (20, 2000))
        self.assertEqual(few, medians.interval(figure, rounds(20, {"google": 50, "ours": 75})))
        self.assertLess(many[1] - many[0], few[1] - few[0])

    def test_growth_is_told_without_the_floor(self):
        few, many = rounds(50, {"oath": 50}), rounds(50, {"oath": 5000})
        self.assertAlmostEqual(medians.growth("oath")(many, few), 100, delta=3)


if __name__ == "__main__":
    unittest.main()
