"""Does the table say what the samples say, and has the page all of it?"""
import unittest
from pathlib import Path

import figures
from test_medians import rounds

COUNTED = {
    "permit": {"instructions": 1000, "wrong": 900, "calls": 200, "durable": {}, "faults": [10, 12, 11]},
    "google": {"instructions": 101_000, "wrong": 30_000_900, "calls": 254, "durable": {"fsync": 1, "rename": 1},
               "faults": [20, 22, 21]},
    "oath": {"instructions": 201_000, "wrong": 100_900, "calls": 258, "durable": {"fsync": 1, "rename": 1},
             "faults": [30, 32, 31]},
    "ours": {"instructions": 301_000, "wrong": 600_900, "calls": 249, "durable": {"fdatasync": 1}, "faults": [40, 42, 41]},
}
COSTS = {"google": 200_000, "oath": 300_000, "ours": 100_000}
SAMPLES = {
    "machine": {"disk": "ext4"},
    "counted": COUNTED,
    "latency": {name: rounds(60, COSTS) for name in figures.CONDITIONS},
    "users": {"1": rounds(20, COSTS), "100000": rounds(20, COSTS),
              "1000000": rounds(20, {"oath": 30_000_000, "ours": 100_000})},
    "door": [{"direct permit": 1e6, "direct": 3e6, "door permit": 2e6, "door": 6e6}] * 9,
    "races": {"google": {"one": [3, 46], "all": [16, 16]}, "oath": {"one": [1, 4], "all": [1, 2]},
              "ours": {"one": [1, 1], "all": [16, 16]}},
}
ROWS = {row.name: row for row in figures.rows(SAMPLES)}


class Figures(unittest.TestCase):
    def test_numbers_are_told_in_three_digits(self):
        told = [figures.number(value) for value in (0.5549, 1.0, 12.34, 905.2, 30599.9, 1234567)]
        self.assertEqual(told, ["0.55", "1.00", "12.3", "905", "30,600", "1,230,000"])

    def test_counts_are_told_above_the_floor(self):
        self.assertEqual(ROWS["instructions"].cells, {"google": "100 k", "oath": "200 k", "ours": "300 k"})
        self.assertEqual(ROWS["wrong"].cells["ours"], "600 k (2.00 x right)")
        self.assertEqual(ROWS["calls"].cells, {"google": "54", "oath": "58", "ours": "49"})
        self.assertEqual(ROWS["faults"].cells, {"google": "+10", "oath": "+20", "ours": "+30"})
        self.assertEqual(ROWS["durable"].cells["google"], "1 fsync + 1 rename")

    def test_latencies_are_times_those_of_google_authenticator(self):
        cells = ROWS["tmpfs"].cells
        self.assertEqual(cells["google"], "1 (200 µs; 200–200)")
        self.assertEqual((cells["oath"], cells["ours"]), ("1.50 (1.50–1.50)", "0.50 (0.50–0.50)"))
        self.assertTrue(ROWS["door"].cells["ours"].startswith("2.00 x direct (2.00–2.00): 4.00 ms against 2.00"))

    def test_who_was_not_measured_with_most_users_is_told_with_fewer(self):
        cells = ROWS["users"].cells
        self.assertTrue(cells["google"].startswith("1.00 at 100,000 ("))
        self.assertTrue(cells["oath"].startswith("100 (") and cells["ours"].startswith("1.00 ("))

    def test_races_tell_the_least_and_the_most(self):
        self.assertEqual(ROWS["one"].cells, {"google": "3 to 46", "oath": "1 to 4", "ours": "1"})
        self.assertEqual(ROWS["all"].cells, {"google": "all", "oath": "3 of 32", "ours": "all"})

    def test_where_a_peer_is_better_is_told_and_nothing_else(self):
        found = {row.name: best for row, best in figures.worse(ROWS.values())}
        self.assertEqual(found, {"instructions": "google", "wrong": "oath", "faults": "google"})


    def test_commands_tell_time_and_memory_or_why_not(self):
        taken = {"100": {"list": {"seconds": 1.234, "kilobytes": 20_400}, "import oath": None}, "1000": {}}
        little = "not measured: too little memory"
        self.assertEqual(figures.of_commands(taken),
                         {"list": ["1.23 s, 20 MB", little], "import oath": ["ended after two and a half minutes", little]})


class Page(unittest.TestCase):
    def test_the_page_has_every_row(self):
        page = (Path(__file__).parent / "RESULTS.md").read_text()
        for row in ROWS.values():
            self.assertIn(f"\n| {row.label} |", page.replace("xfs", "ext4").replace("btrfs", "ext4"))


if __name__ == "__main__":
    unittest.main()
