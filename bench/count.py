"""Counts the instructions of an operation of two inner pieces, and compares them with bench/counts.json.

    /usr/bin/python3 bench/count.py [--build build] [--accept]

More than 5 % above what is kept there fails; --accept keeps what was counted now instead. Only instructions of
Tutti's own code are counted, not those of libc, whose string functions differ between processors; so the figures
are the same on every machine that has the compiler named in the file. With another compiler, or in a build that is
not a plain release build, there is nothing to compare: that is said, and is no failure.
"""
import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / "bench" / "counts.json"
PIECES = {"ring": 20_000, "frames": 60_000}  # and how many operations make one figure
MAY_GROW = 1.05


def own_instructions(text, program):
    """The instructions that callgrind saw inside the program itself, not in its libraries."""
    names, here, total, skip = {}, None, 0, False
    for line in text.splitlines():
        match = re.match(r"(c?ob)=\((\d+)\)(?: (.*))?$", line)
        if match:
            if match.group(3):
                names[match.group(2)] = match.group(3)
            if match.group(1) == "ob":
                here = names[match.group(2)]
        elif line.startswith("calls="):
            skip = True  # the next line is what the callee cost, which is counted where it runs
        elif re.match(r"[\d+*-]", line):
            if not skip and here == program:
                total += int(line.split()[1])
            skip = False
    return total


def count(program, piece, operations):
    """Instructions an operation."""
    with tempfile.TemporaryDirectory(prefix="tutti-count-") as folder:
        out = Path(folder) / "out"
        subprocess.run(["valgrind", "-q", "--tool=callgrind", f"--callgrind-out-file={out}",
                        program, piece, str(operations)], check=True, timeout=300, stdout=subprocess.DEVNULL)
        return round(own_instructions(out.read_text(), str(program)) / operations, 2)


def is_plain(build):
    """Whether it is a plain release build."""
    options = {o["name"]: o["value"]
               for o in json.loads((build / "meson-info" / "intro-buildoptions.json").read_text())}
    return (options["buildtype"] == "release" and options["b_sanitize"] == "none" and options["b_lto"] is False
            and options["b_coverage"] is False and not options["c_args"])


def compare(kept, found):
    """Prints each figure beside the one that is kept; returns how many have grown too much."""
    grown = 0
    for piece, now in found.items():
        was = kept[piece]
        bad = now > was * MAY_GROW
        grown += bad
        print(f"{piece}: {now} instructions an operation, kept {was} ({100 * (now / was - 1):+.1f} %)"
              + (": more than 5 % above" if bad else ""))
    return grown


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--accept", action="store_true", help="keep what is counted now")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    program = build / "bench" / "micro"
    made_by = subprocess.run([program, "compiler"], check=True, capture_output=True, text=True).stdout.strip()
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    if not is_plain(build):
        print(f"not counted: {build.name} is not a plain release build")
        return 1 if arguments.accept else 0
    if not arguments.accept and made_by != kept.get("compiler"):
        print(f"not counted: {build.name} was made by {made_by}, the figures by {kept.get('compiler')}")
        return 0
    found = {piece: count(program, piece, n) for piece, n in PIECES.items()}
    if arguments.accept:
        KEPT.write_text(json.dumps({"compiler": made_by, "instructions": found}, indent=1) + "\n")
        print(f"kept in {KEPT.relative_to(ROOT)}: {found}")
        return 0
    if compare(kept["instructions"], found):
        print("If the growth is worth it: script/bench --accept, and say why in the commit.")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
