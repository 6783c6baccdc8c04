"""Every #include in src/ is one that the table of layers in ARCHITECTURE.md permits.

The table's head names the columns `folder` and `may include` (others are ignored); a row's
`may include` cell lists folders, separated by spaces or commas. A folder may include itself.
"""

import re

from common import ROOT, c_files, finish, read, without_comments

WORD = re.compile(r"[a-z][a-z0-9_]*")


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def layer_table(text):
    """{folder: set of folders it may include}, or {} when there is no such table."""
    table = {}
    columns = None
    for line in text.splitlines():
        if "|" not in line:
            columns = None
            continue
        row = cells(line)
        names = [cell.strip("`* ").lower() for cell in row]
        if "folder" in names and "may include" in names:
            columns = names.index("folder"), names.index("may include")
        elif columns and max(columns) < len(row) and not set(line) <= set("|-: "):
            folder = WORD.search(row[columns[0]])
            if folder:
                table[folder.group(0)] = set(WORD.findall(row[columns[1]]))
    return table


def cycle(table):
    """A folder that reaches itself through what it may include, or None."""
    for start in table:
        seen, todo = set(), list(table[start] - {start})
        while todo:
            folder = todo.pop()
            if folder == start:
                return start
            if folder not in seen:
                seen.add(folder)
                todo += table.get(folder, set()) - {folder}
    return None


def check_file(name, table):
    folder = name.split("/")[1]
    text = without_comments(read(name), strings=False)
    for match in re.finditer(r'^[ \t]*#[ \t]*include[ \t]+"([^"]+)"', text, re.M):
        where = f"{name}:{text.count(chr(10), 0, match.start()) + 1}"
        target = match.group(1)
        if "/" not in target:
            yield f'{where}: "{target}" must name its folder: "{folder}/{target}"'
            continue
        other = target.split("/")[0]
        if not (ROOT / "src" / target).is_file():
            yield f'{where}: there is no src/{target}'
        elif other != folder and other not in table.get(folder, set()):
            yield f"{where}: {folder} may not include {other} (table of layers, ARCHITECTURE.md)"


def main():
    document = ROOT / "ARCHITECTURE.md"
    table = layer_table(document.read_text(encoding="utf-8")) if document.is_file() else {}
    if not table:
        finish(["ARCHITECTURE.md has no table with the columns `folder` and `may include`"], 1)
    problems = []
    looped = cycle(table)
    if looped:
        problems.append(f"ARCHITECTURE.md: by the table of layers, {looped} stands above itself")
    files = c_files("src/")
    for folder in sorted({name.split("/")[1] for name in files} - set(table)):
        problems.append(f"ARCHITECTURE.md: the table of layers lacks src/{folder}")
    for name in files:
        problems += check_file(name, table)
    finish(problems, len(files))


main()
