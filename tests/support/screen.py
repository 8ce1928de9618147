#!/usr/bin/python3
"""Draw what `tmux capture-pane -p -e -N` says as a terminal with a dark or a light theme would show it.

usage: screen.py dark|light OUT.png < CAPTURE
"""
import re
import sys
from PIL import Image, ImageDraw

CELL_WIDTH, CELL_HEIGHT = 8, 16
# Solarized on purpose: a theme whose "black" and "white" are neither.
BASE = ["#073642", "#dc322f", "#859900", "#b58900", "#268bd2", "#d33682", "#2aa198", "#eee8d5",
        "#002b36", "#cb4b16", "#586e75", "#657b83", "#839496", "#6c71c4", "#93a1a1", "#fdf6e3"]
THEMES = {"dark": ("#839496", "#002b36"), "light": ("#657b83", "#fdf6e3")}
# Part of the cell that a half block covers with the foreground, in halves of its height.
BLOCKS = {" ": None, "\u2580": (0, 1), "\u2584": (1, 2), "\u2588": (0, 2)}


def palette(n):
    if n < 16:
        return BASE[n]
    if n < 232:
        n -= 16
        return tuple(0 if v == 0 else 55 + 40 * v for v in (n // 36, n // 6 % 6, n % 6))
    return (8 + 10 * (n - 232),) * 3


class Pen:
    def __init__(self, theme):
        self.theme = theme
        self.reset()

    def reset(self):
        self.foreground, self.background = self.theme
        self.reverse = False

    def colors(self):
        both = (self.foreground, self.background)
        return both[::-1] if self.reverse else both

    def select(self, parameters):
        codes = iter([int(p or 0) for p in re.split("[;:]", parameters)])
        for code in codes:
            if code == 0:
                self.reset()
            elif code in (7, 27):
                self.reverse = code == 7
            elif code in (38, 48):
                kind = next(codes)
                color = palette(next(codes)) if kind == 5 else (next(codes), next(codes), next(codes))
                self.paint(code == 38, color)
            elif code in (39, 49):
                self.paint(code == 39, self.theme[code == 49])
            elif 30 <= code % 60 <= 37 or 40 <= code % 60 <= 47:
                bright = 8 if code >= 90 else 0
                self.paint(code % 60 < 40, palette(code % 10 + bright))

    def paint(self, foreground, color):
        if foreground:
            self.foreground = color
        else:
            self.background = color


def show(capture, theme):
    lines = [re.findall("\x1b\\[([0-9;:]*)m|([^\x1b])", line) for line in capture.splitlines()]
    columns = max(sum(1 for _, character in line if character) for line in lines)
    image = Image.new("RGB", (columns * CELL_WIDTH, len(lines) * CELL_HEIGHT), theme[1])
    draw = ImageDraw.Draw(image)
    pen = Pen(theme)  # one for all lines: tmux says a color once and keeps it over the end of a line
    for row, line in enumerate(lines):
        column = 0
        for escape, character in line:
            if character:
                cell(draw, column * CELL_WIDTH, row * CELL_HEIGHT, character, *pen.colors())
                column += 1
            else:
                pen.select(escape)
    return image


def cell(draw, x, y, character, foreground, background):
    draw.rectangle((x, y, x + CELL_WIDTH - 1, y + CELL_HEIGHT - 1), fill=background)
    if character not in BLOCKS:
        draw.text((x + 1, y + 2), character, fill=foreground)
    elif BLOCKS[character]:
        top, bottom = (y + part * CELL_HEIGHT // 2 for part in BLOCKS[character])
        draw.rectangle((x, top, x + CELL_WIDTH - 1, bottom - 1), fill=foreground)


theme, out = sys.argv[1:]
show(sys.stdin.buffer.read().decode("utf-8"), THEMES[theme]).save(out)
