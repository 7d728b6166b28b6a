"""What the benchmark prints: one markdown table a part, and whether each figure with a bar keeps to it."""

from __future__ import annotations

import os
import platform
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import uvicorn


class Figure(NamedTuple):
    """What was judged; a ratio has no unit."""

    name: str
    value: float
    unit: str
    verdict: str


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that so large a share of them does not exceed; 0.5 is the median."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


def milliseconds(seconds: float) -> str:
    """One decimal is more than two runs agree on."""
    return f"{seconds * 1000:.1f} ms"


def progress(text: str) -> None:
    """Tell whoever waits, beside the report."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


class Report:
    """Gathers the tables, and the names of the figures that miss their bar."""

    def __init__(self, command: str) -> None:
        load = os.getloadavg()[0]
        self.missed: list[str] = []
        self.figures: list[Figure] = []
        self._head = (
            f"`{command}` on {os.cpu_count()} cores, {platform.machine()}, Linux {platform.release()}"
            f" (load {load:.1f} at the start); Python {platform.python_version()}, uvicorn {uvicorn.__version__}\n"
        )
        self._note = ""
        self._text = self._head

    def note(self, text: str) -> None:
        """A line of its own; the summary has the first one."""
        self._note = self._note or text
        self._text += f"\n{text}\n"

    def table(self, title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """A table; all columns but the first are aligned to the right."""
        widths = [max(len(row[number]) for row in (head, *rows)) for number in range(len(head))]
        rule = [":" + "-" * (widths[0] - 1), *("-" * (width - 1) + ":" for width in widths[1:])]

        def line(cells: Sequence[str]) -> str:
            first, *others = (cell.rjust(width) for cell, width in zip(cells, widths, strict=True))
            return "| " + " | ".join([first.strip().ljust(widths[0]), *others]) + " |\n"

        self._text += f"\n{title}\n\n" + line(head) + line(rule) + "".join(map(line, rows))
        progress(f"{title}: done")

    def judge(
        self,
        name: str,
        value: float,
        *,
        at_least: float | None = None,
        at_most: float | None = None,
        unit: str = "",
    ) -> str:
        """The cell that says what the bar is and whether this value keeps to it; what has no unit is a ratio."""
        met = (at_least is None or value >= at_least) and (at_most is None or value <= at_most)
        if not met:
            self.missed.append(name)
        bar = f"≥ {at_least:g}" if at_least is not None else f"≤ {at_most:g}"
        self.figures.append(Figure(name, value, unit, f"{bar}: {'met' if met else 'MISSED'}"))
        return self.figures[-1].verdict

    def summary(self) -> str:
        """One table of all that was judged, the ratios first, for those who read one only."""
        ordered = sorted(self.figures, key=lambda figure: figure.unit != "")
        rows = "".join(
            f"| {name} | {value:.3g}{f' {unit}' if unit else ''} | {bar} |\n" for name, value, unit, bar in ordered
        )
        day = time.strftime("%Y-%m-%d", time.gmtime())
        return f"{day}: {self._head}\n{self._note}\n\n| | measured | bar |\n| :-- | --: | --: |\n{rows}"

    def publish(self, path: Path, section: str) -> None:
        """Write the summary into a document, between its two markers."""
        document = path.read_text(encoding="utf-8")
        begin, end = f"<!-- {section} -->\n", f"<!-- /{section} -->\n"
        assert document.count(begin) == document.count(end) == 1, section
        published = re.sub(
            f"{re.escape(begin)}.*?{re.escape(end)}",
            lambda _: f"{begin}{self.summary()}{end}",
            document,
            flags=re.DOTALL,
        )
        path.write_text(published, encoding="utf-8")

    def finish(self, path: Path) -> int:
        """Print everything, write it to a file as well; the exit status says whether a bar is missed."""
        self.note(f"Missed: {', '.join(self.missed)}." if self.missed else "Every bar is met.")
        print(self._text, end="")  # noqa: T201
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self._text, encoding="utf-8")
        return 1 if self.missed else 0
