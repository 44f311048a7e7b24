"""Plots as SVG by hand, so that a report needs nothing but Python: lines with their names at the ends, and bars."""
import dataclasses
import math
from xml.sax.saxutils import escape

WIDTH = 920
INK, FAINT, GRID, PAPER = "#1f2328", "#656d76", "#d8dee4", "#ffffff"
# Okabe and Ito's colours, which colour-blind readers can tell apart; ours is the strong blue.
COLOURS = {"keystead": "#0072b2", "cp": "#1f2328", "age": "#d55e00", "rage": "#e69f00", "gpg": "#009e73",
           "openssl": "#cc79a7", "rclone": "#8c6d31"}
MORE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#1f2328"]
LINE_GAP = 14                                               # between names at the ends of lines
LONGEST_BAR = 8                                             # in units of the mark; what is longer is cut and says so


@dataclasses.dataclass
class Axis:
    """A scale; LOW and HIGH are in its own unit, FORMAT names a tick."""
    title: str
    low: float
    high: float
    ticks: list
    names: list
    log: bool

    def at(self, value):
        """0 to 1 along the axis."""
        if self.log:
            return math.log(value / self.low) / math.log(self.high / self.low)
        return (value - self.low) / (self.high - self.low)


def linear(title, values, include=()):
    """From zero to a round number."""
    high = max([*values, *include]) * 1.08 or 1
    step = 10 ** math.floor(math.log10(high))
    step = next(s for s in (step / 5, step / 2, step, step * 2) if high / s <= 6)
    top = math.ceil(high / step) * step
    ticks = [step * n for n in range(round(top / step) + 1)]
    return Axis(title, 0, top, ticks, [f"{tick:.10g}" for tick in ticks], False)


def logarithmic(title, values, name):
    """Whole decades around the values."""
    low, high = (f(math.log10(v)) for f, v in ((math.floor, min(values)), (math.ceil, max(values))))
    ticks = [10.0 ** n for n in range(low, max(high, low + 1) + 1)]
    return Axis(title, ticks[0], ticks[-1], ticks, [name(tick) for tick in ticks], True)


def listed(title, values, names):
    """A tick at each of the values, on a logarithmic scale."""
    room = (values[-1] / values[0]) ** 0.04 if len(values) > 1 else 2
    return Axis(title, values[0] / room, values[-1] * room, values, names, True)


@dataclasses.dataclass
class Panel:
    """LINES is name -> [(x, y, low, high)]."""
    title: str
    x: Axis
    y: Axis
    lines: dict
    mark: tuple | None = None                               # (y, name): a level to compare with


class Drawing:
    def __init__(self, height, title, subtitle):
        self.parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
            f'font-family="system-ui, -apple-system, \'Segoe UI\', \'DejaVu Sans\', sans-serif" font-size="12" role="img">',
            f"<title>{escape(title)}</title>",
            f'<rect width="{WIDTH}" height="{height}" fill="{PAPER}"/>']
        self.text(20, 30, title, size=17, weight="600")
        self.text(20, 50, subtitle, colour=FAINT)

    def text(self, x, y, text, anchor="start", colour=INK, size=12, weight="400", turn=False):
        turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}" '
                          f'font-weight="{weight}" paint-order="stroke" stroke="{PAPER}" stroke-width="3"{turned}>{escape(text)}</text>')

    def line(self, x1, y1, x2, y2, colour=GRID, width=1.0, dashes=""):
        dashes = f' stroke-dasharray="{dashes}"' if dashes else ""
        self.parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}" '
                          f'stroke-width="{width}"{dashes}/>')

    def path(self, points, colour, width):
        moves = " ".join(f"{'L' if n else 'M'}{x:.1f} {y:.1f}" for n, (x, y) in enumerate(points))
        self.parts.append(f'<path d="{moves}" fill="none" stroke="{colour}" stroke-width="{width}" '
                          f'stroke-linejoin="round"/>')

    def dot(self, x, y, colour):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')

    def box(self, x, y, width, height, colour):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(width, 1):.1f}" height="{height:.1f}" '
                          f'fill="{colour}" rx="2"/>')

    def done(self):
        return "\n".join([*self.parts, "</svg>", ""])


def colours_of(names):
    """name -> colour: a tool's own, or one that no tool here has."""
    known = {name: COLOURS.get(name.replace(",", " ").split()[0]) for name in names}
    free = [colour for colour in MORE if colour not in known.values()] or MORE
    unknown = [name for name in names if not known[name]]
    return known | {name: free[n % len(free)] for n, name in enumerate(unknown)}


def apart(wanted, gap, low, high):
    """Heights near the wanted ones, in their order, at least GAP from each other, within LOW and HIGH."""
    order = sorted(range(len(wanted)), key=lambda n: wanted[n])
    placed = {}
    at = low - gap
    for n in order:
        at = max(wanted[n], at + gap)
        placed[n] = at
    at = high + gap
    for n in reversed(order):
        at = min(placed[n], at - gap)
        placed[n] = at
    return [placed[n] for n in range(len(wanted))]


def lines(title, subtitle, panels, height=430):
    """Panels side by side, with room for the longest name."""
    names = [name for panel in panels for name in panel.lines]
    names_width = 34 + max(len(name) * (8 if name.startswith("keystead") else 7) for name in names)
    drawing = Drawing(height, title, subtitle)
    each = WIDTH / len(panels)
    for number, panel in enumerate(panels):
        draw_panel(drawing, panel, number * each + 74, 96, (number + 1) * each - names_width, height - 52)
    return drawing.done()


def draw_panel(drawing, panel, left, top, right, bottom):
    def x(value):
        return left + panel.x.at(value) * (right - left)

    def y(value):
        return bottom - panel.y.at(value) * (bottom - top)

    drawing.text(left, top - 14, panel.title, weight="600")
    for tick, name in zip(panel.y.ticks, panel.y.names):
        drawing.line(left, y(tick), right, y(tick))
        drawing.text(left - 8, y(tick) + 4, name, "end", FAINT)
    free = 0
    for tick, name in zip(panel.x.ticks, panel.x.names):
        drawing.line(x(tick), bottom, x(tick), bottom + 4, FAINT)
        if x(tick) - 4 * len(name) > free:
            drawing.text(x(tick), bottom + 18, name, "middle", FAINT)
            free = x(tick) + 4 * len(name)
    drawing.text((left + right) / 2, bottom + 40, panel.x.title, "middle", FAINT)
    drawing.text(left - 54, (top + bottom) / 2, panel.y.title, "middle", FAINT, turn=True)
    ends = []
    if panel.mark:
        drawing.line(left, y(panel.mark[0]), right, y(panel.mark[0]), INK, 1.2, "5 4")
        ends.append((panel.mark[1], y(panel.mark[0]), right, INK))
    colours = colours_of(panel.lines)
    for name, points in panel.lines.items():
        colour = colours[name]
        wide = 2.6 if name.startswith("keystead") else 1.6
        for px, _, low, high in points:
            drawing.line(x(px), y(max(low, panel.y.low)), x(px), y(min(high, panel.y.high)), colour, 1.0)
        drawing.path([(x(p[0]), y(p[1])) for p in points], colour, wide)
        for p in points:
            drawing.dot(x(p[0]), y(p[1]), colour)
        ends.append((name, y(points[-1][1]), x(points[-1][0]), colour))
    heights = apart([end[1] for end in ends], LINE_GAP, top, bottom)
    for (name, wanted, from_x, colour), at in zip(ends, heights):
        drawing.line(from_x + 5, wanted, right + 14, at, colour, 0.7)
        drawing.text(right + 18, at + 4, name, "start", colour,
                     weight="600" if name.startswith("keystead") else "400")


def bars(title, subtitle, groups, mark, unit):
    """GROUPS is title -> [(name, value, low, high)]; MARK is (value, name) of a line through all of them."""
    rows = sum(len(group) for group in groups.values())
    height = 92 + rows * 22 + len(groups) * 40
    drawing = Drawing(height, title, subtitle)
    left, right = 170, WIDTH - 90
    most = LONGEST_BAR * mark[0]
    axis = linear("", [min(bar[3], most) for group in groups.values() for bar in group], [mark[0]])

    def x(value):
        return left + axis.at(value) * (right - left)

    top = 72
    for tick, name in zip(axis.ticks, axis.names):
        drawing.line(x(tick), top, x(tick), height - 34)
        drawing.text(x(tick), height - 18, name + (unit if tick else ""), "middle", FAINT)
    at = top + 8
    for group, found in groups.items():
        drawing.text(20, at + 14, group, weight="600")
        at += 24
        for name, value, low, high in found:
            colour = colours_of([name])[name]
            drawing.text(left - 10, at + 13, name, "end", colour, weight="600" if name.startswith("keystead") else "400")
            end = min(value, axis.high)
            drawing.box(left, at + 2, x(end) - left, 14, colour)
            if end == value:
                drawing.line(x(low), at + 9, x(min(high, axis.high)), at + 9, INK, 1.4)
            behind = max(x(end), x(min(high, axis.high))) + 8
            drawing.text(behind, at + 13, f"{value:.2f}{unit}" + ("" if end == value else " …"), colour=INK)
            at += 22
        at += 16
    drawing.line(x(mark[0]), top, x(mark[0]), height - 34, INK, 1.2, "5 4")
    drawing.text(x(mark[0]) + 5, top + 4, mark[1], colour=INK)
    return drawing.done()
