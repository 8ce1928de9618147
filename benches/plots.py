"""The plots, as SVG that any viewer shows alike: letters are drawn, the ground is white, the colors are told apart by all."""
import random
from statistics import median, quantiles

import matplotlib.pyplot as plt
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from figures import COMPARED, NAMES, number
from medians import above, interval

plt.switch_backend("svg")

# Of Okabe and Ito.
COLORS = {"google": "#D55E00", "oath": "#009E73", "ours": "#0072B2", "permit": "#767676"}
WIDTH = 7.2
# A logarithmic axis has no zero, and on a busy machine a login by pam_permit may take longer than the one beside it.
SHORTEST = 10_000
plt.rcParams.update({
    "font.size": 9.5, "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10, "axes.titleweight": "bold",
    "axes.titlelocation": "left", "svg.fonttype": "path", "svg.hashsalt": "pam_totp", "axes.edgecolor": "#444444",
    "figure.facecolor": "white", "grid.color": "#dddddd", "grid.linewidth": 0.7, "axes.axisbelow": True,
})


def save(figure, path):
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def duration(nanoseconds):
    if nanoseconds >= 1e9:
        return f"{nanoseconds / 1e9:.3g} s"
    return f"{nanoseconds / 1e6:.3g} ms" if nanoseconds >= 1e6 else f"{nanoseconds / 1e3:.3g} µs"


def logarithmic(axis, told):
    axis.set_major_locator(LogLocator(numticks=20))
    axis.set_major_formatter(FuncFormatter(lambda value, _: told(value)))
    axis.set_minor_formatter(NullFormatter())


def headline(figure, text):
    figure.suptitle(text, x=0.01, ha="left", fontweight="bold", fontsize=11)


def users(samples, disk, path):
    figure, axes = plt.subplots(figsize=(WIDTH, 4.4), layout="constrained")
    counts = sorted(map(int, samples))
    ends = {}
    for module in ("oath", "google", "ours", "permit"):
        seen = [count for count in counts if module in samples[str(count)][0]]
        taken = [[round_[module] for round_ in samples[str(count)]] for count in seen]
        middle = list(map(median, taken))
        bounds = [interval(median, values) for values in taken]
        axes.plot(seen, middle, color=COLORS[module], marker="o", markersize=4, linewidth=2)
        axes.fill_between(seen, *zip(*bounds), color=COLORS[module], alpha=0.18, linewidth=0)
        ends[module] = seen[-1], middle[-1]
    headline(figure, f"Time of one login by the number of users, {disk}")
    axes.set(xscale="log", yscale="log", xlabel="enrolled users on the host; bands: the median lies there with 95 %")
    logarithmic(axes.xaxis, "{:,.0f}".format)
    logarithmic(axes.yaxis, duration)
    axes.minorticks_off()
    axes.grid()
    for module, height in apart(ends).items():
        x = ends[module][0]
        axes.annotate(NAMES[module], (x, ends[module][1]), (counts[-1] * 1.35, height), color=COLORS[module], va="center",
                      fontweight="bold", annotation_clip=False,
                      arrowprops={"arrowstyle": "-", "color": COLORS[module], "linewidth": 0.8, "shrinkA": 1, "shrinkB": 4})
    save(figure, path)


def apart(ends, factor=1.55):
    """Heights for labels at the ends of lines, on a logarithmic axis, that do not lie over each other."""
    heights, last = {}, 0
    for module in sorted(ends, key=lambda module: ends[module][1]):
        last = heights[module] = max(ends[module][1], last * factor)
    return heights


def latency(samples, disk, path):
    titles = {"tmpfs": "fresh process, tmpfs", "disk": f"fresh process, {disk}, quiet",
              "busy": f"fresh process, {disk}, beside two writers", "mapped": f"module already mapped, {disk}, quiet"}
    figure, panels = plt.subplots(len(titles), figsize=(WIDTH, 6.6), sharex=True, layout="constrained")
    headline(figure, "Time of one login above pam_permit")
    spread = random.Random(1)
    for axes, (name, title) in zip(panels, titles.items()):
        for place, module in enumerate(reversed(COMPARED)):
            values = [max(value, SHORTEST) for value in above(samples[name], module)]
            cuts = quantiles(values, n=20)
            shown = spread.sample(values, min(70, len(values)))
            color = COLORS[module]
            axes.scatter(shown, [place + spread.uniform(-0.3, 0.3) for _ in shown], s=5, color=color, alpha=0.35, linewidth=0)
            axes.plot([cuts[0], cuts[-1]], [place, place], color=color, linewidth=1)
            axes.barh(place, cuts[14] - cuts[4], left=cuts[4], height=0.5, facecolor=color, alpha=0.35)
            axes.plot([cuts[9]] * 2, [place - 0.36, place + 0.36], color=color, linewidth=2.5)
            axes.text(1.01, place, duration(cuts[9]), transform=axes.get_yaxis_transform(), color=color, va="center",
                      fontweight="bold", clip_on=False)
        axes.set(xscale="log", title=title, ylim=(-0.6, 2.6))
        axes.set_yticks(range(3), [NAMES[module] for module in reversed(COMPARED)])
        axes.tick_params(axis="y", length=0)
        for label, module in zip(axes.get_yticklabels(), reversed(COMPARED)):
            label.set_color(COLORS[module])
        logarithmic(axes.xaxis, duration)
        axes.grid(axis="x")
    within = sorted(max(value, SHORTEST) for name in titles for module in COMPARED for value in above(samples[name], module))
    panels[-1].set_xlim(within[len(within) // 200] / 1.3, within[-1 - len(within) // 100] * 1.3)
    panels[-1].set_xlabel("line: median, and in figures; box: half of all logins; whiskers: nine in ten; dots: some of them")
    save(figure, path)


def work(rows, path):
    named = {row.name: row for row in rows}
    titles = {"instructions": "instructions, right code", "wrong": "instructions, wrong code", "calls": "system calls",
              "faults": "page faults"}
    figure, panels = plt.subplots(2, 2, figsize=(WIDTH, 3.6), layout="constrained")
    for axes, (name, title) in zip(panels.flat, titles.items()):
        for place, module in enumerate(reversed(COMPARED)):
            value = named[name].values[module]
            axes.barh(place, value, color=COLORS[module], height=0.7)
            told = f" {value / 1000:,.0f} k" if value >= 10_000 else f" {value:,.0f}"
            axes.text(value, place, told, va="center", color="#222222")
        axes.set_title(title)
        axes.set_yticks(range(3), [NAMES[module] for module in reversed(COMPARED)])
        axes.tick_params(axis="y", length=0)
        axes.set_xticks([])
        axes.spines["bottom"].set_visible(False)
        axes.margins(x=0.22)
        for label, module in zip(axes.get_yticklabels(), reversed(COMPARED)):
            label.set_color(COLORS[module])
    headline(figure, "What one login costs above pam_permit; less is better")
    figure.get_layout_engine().set(hspace=0.1)
    save(figure, path)


def draw(samples, rows, folder):
    disk = samples["machine"]["disk"]
    users(samples["users"], disk, folder / "users.svg")
    latency(samples["latency"], disk, folder / "latency.svg")
    work(rows, folder / "work.svg")
