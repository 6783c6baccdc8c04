"""What was measured, as the table of docs/reliability.md."""
from typing import NamedTuple

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
HEAD = ("fault", "kind", "lost", "repeated", "shift", "longest gap", "others missed", "then")


class Row(NamedTuple):
    fault: str
    kind: str
    lost: int  # frames
    repeated: int  # frames
    shift: int  # samples
    gap_ms: float  # between two frames, where 20 is none
    others: int  # frames that the other channels missed
    then: str = ""


rows = []


def add(*fields, **more):
    rows.append(Row(*fields, **more))


def _cells(row):
    return (row.fault, row.kind, str(row.lost), str(row.repeated), str(row.shift), f"{row.gap_ms:.0f} ms",
            str(row.others), row.then)


def as_text():
    lines = [HEAD] + [_cells(row) for row in rows]
    widths = [max(len(line[n]) for line in lines) for n in range(len(HEAD))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def as_markdown():
    lines = ["| " + " | ".join(HEAD) + " |", "|---|---|---:|---:|---:|---:|---:|---|"]
    lines += ["| " + " | ".join(_cells(row)) + " |" for row in rows]
    return "\n".join(lines)


def write(path):
    text = path.read_text()
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    path.write_text(f"{before}{BEGIN}\n{as_markdown()}\n{END}{after}")
