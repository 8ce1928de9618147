"""What the samples say: the rows of the table. Pure."""
import math
from dataclasses import dataclass, field
from statistics import median

from medians import growth, interval, over_floor, ratio

NAMES = {"google": "google-authenticator", "oath": "pam_oath", "ours": "pam_totp", "permit": "pam_permit"}
COMPARED = ["google", "oath", "ours"]
CONDITIONS = {
    "tmpfs": "latency in a fresh process, tmpfs",
    "disk": "latency in a fresh process, {disk}",
    "busy": "the same, beside two processes that write, fsync and rename all the time",
    "mapped": "latency with the module already mapped, {disk}",
}
REACH = {
    "instructions": ("195 k", "below google-authenticator"), "wrong": ("1.8 x right", "1.5 x right"), "calls": ("49", "46"),
    "faults": ("+30", "+20"), "tmpfs": ("1.35", "1"), "disk": ("0.85", "0.75"), "busy": ("0.8", "0.7"),
    "mapped": ("0.55", "0.5"), "durable": ("1 fdatasync", ""), "users": ("1.00", ""), "door": ("2 x direct", "1.3 x direct"),
    "one": ("1", ""), "all": ("all", ""),
}


@dataclass
class Row:
    """A row of the table: what stands in it, and as numbers, the less the better, where it is one."""

    name: str
    label: str
    cells: dict
    values: dict = field(default_factory=dict)
    # Ours is not below it, with 95 %.
    least: float | None = None

    @property
    def goals(self):
        return REACH.get(self.name, ("", ""))


def number(value):
    """In three digits."""
    if abs(value) >= 1000:
        return f"{round(value, 2 - math.floor(math.log10(abs(value)))):,.0f}"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def between(bounds, scale=1):
    return "–".join(number(bound / scale) for bound in bounds)


def of_counts(counted):
    def more(what):
        return {module: counted[module][what] - counted["permit"][what] for module in COMPARED}

    right, wrong, calls = more("instructions"), more("wrong"), more("calls")
    pages = {module: median(a - b for a, b in zip(counted[module]["faults"], counted["permit"]["faults"]))
             for module in COMPARED}
    durable = {module: " + ".join(f"{count} {name}" for name, count in counted[module]["durable"].items())
               for module in COMPARED}

    def thousands(values):
        return {module: f"{value / 1000:,.0f} k" for module, value in values.items()}

    of_right = {module: f"{told} ({number(wrong[module] / right[module])} x right)" for module, told in thousands(wrong).items()}
    return [
        Row("instructions", "instructions, right code", thousands(right), right),
        Row("wrong", "instructions, wrong code", of_right, wrong),
        Row("calls", "system calls", {module: str(value) for module, value in calls.items()}, calls),
        Row("faults", "page faults of a process", {module: f"+{value:.0f}" for module, value in pages.items()}, pages),
        Row("durable", "durable writes", durable),
    ]


def of_latency(name, label, rounds):
    base = over_floor("google")
    cells = {"google": f"1 ({number(base(rounds) / 1000)} µs; {between(interval(base, rounds), 1000)})"}
    values, bounds = {"google": 1}, {}
    for module in COMPARED[1:]:
        figure = ratio(module, "google")
        values[module], bounds[module] = figure(rounds), interval(figure, rounds)
        cells[module] = f"{number(values[module])} ({between(bounds[module])})"
    return Row(name, label, cells, values, bounds["ours"][0])


def of_users(samples):
    cells, values, bounds, one = {}, {}, {}, samples["1"]
    for module in COMPARED:
        most = max((count for count in samples if module in samples[count][0]), key=int)
        figure = growth(module)
        values[module], bounds[module] = figure(samples[most], one), interval(figure, samples[most], one)
        at = "" if int(most) == max(map(int, samples)) else f" at {int(most):,}"
        cells[module] = f"{number(values[module])}{at} ({between(bounds[module])})"
    return Row("users", f"{max(map(int, samples)):,} users against 1", cells, values, bounds["ours"][0])


def of_the_door(rounds):
    direct = over_floor("direct", "direct permit")
    door = over_floor("door", "door permit")

    def factor(rounds):
        return door(rounds) / direct(rounds)

    told = f"{number(factor(rounds))} x direct ({between(interval(factor, rounds))}): {number(door(rounds) / 1e6)} ms " \
           f"against {number(direct(rounds) / 1e6)}"
    return Row("door", "through pam-totpd, one at a time", {"google": "", "oath": "", "ours": told})


def of_races(races):
    def one(counts):
        return f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"

    def everybody(counts):
        possible = 16 * len(counts)
        return "all" if sum(counts) == possible else f"{sum(counts)} of {possible}"

    values = {module: max(races[module]["one"]) for module in COMPARED}
    missing = {module: -sum(races[module]["all"]) for module in COMPARED}
    return [
        Row("one", "one code, 64 processes at once: accepted", {m: one(races[m]["one"]) for m in COMPARED}, values),
        Row("all", "16 users at once: accepted", {m: everybody(races[m]["all"]) for m in COMPARED}, missing),
    ]


def rows(samples):
    """All of them, in the order of the table."""
    counts = of_counts(samples["counted"])
    disk = samples["machine"]["disk"]
    latency = [of_latency(name, label.format(disk=disk), samples["latency"][name]) for name, label in CONDITIONS.items()]
    return counts[:4] + latency + counts[4:] + [of_users(samples["users"]), of_the_door(samples["door"])] \
        + of_races(samples["races"])


def of_commands(samples):
    """Each command, and for each number of users what it took."""
    def told(taken, name):
        if name not in taken:
            return "not measured: too little memory"
        if not taken[name]:
            return "ended after two and a half minutes"
        return f"{number(taken[name]['seconds'])} s, {taken[name]['kilobytes'] / 1000:,.0f} MB"

    names = dict.fromkeys(name for taken in samples.values() for name in taken)
    return {name: [told(taken, name) for taken in samples.values()] for name in names}


def worse(rows):
    """Where a peer is better than we are, and not by chance: the row and the best of the peers."""
    for row in rows:
        if row.values:
            best = min(COMPARED[:2], key=row.values.get)
            ours = row.values["ours"] if row.least is None else row.least
            if ours > row.values[best]:
                yield row, best
