"""Documents name what the programs have: options, commands, error and warning codes.

Usage: docs.py BUILD_DIR
"""

import pathlib
import re
import subprocess
import sys

from common import finish, read

OPTION = re.compile(r"(?<![\w-])--([a-z][a-z-]*[a-z])")
NOT_IN_A_FILE = {"config", "version", "help"}


def help_of(*command):
    if not command[0].is_file():
        return ""
    done = subprocess.run([*map(str, command), "--help"], capture_output=True, text=True,
                          check=False, timeout=20)
    return done.stdout if done.returncode == 0 else ""


def man_options(name):
    """Options a man page describes: mdoc writes `Fl -name` or `Fl n , -name` for --name."""
    return set(re.findall(r"(?:Fl|Fl \w ,) -([a-z][a-z-]*)", read(name)))


def completed(folder, program):
    """{file: options it completes}, of the three shells."""
    ret = {}
    for name in (f"{program}.bash", f"_{program}"):
        ret[folder + name] = set(OPTION.findall(read(folder + name)))
    fish = f"{folder}{program}.fish"
    ret[fish] = set(re.findall(r"^(?:complete\b.*|\s+.*)-l ([a-z][a-z-]*)", read(fish), re.M))
    return ret


def compare(there, documented, what):
    """Yields a problem for each of `there` that is not documented, and the other way round."""
    for name in sorted(there - documented):
        yield f"{what} lacks {name}"
    for name in sorted(documented - there):
        yield f"{what} has {name}, which the program has not"


def codes(macro):
    """The wire names in one of the lists of base/errors.h."""
    text = read("src/base/errors.h")
    body = text[text.index(f"#define {macro}(X)"):].split("\n\n", 1)[0]
    return set(re.findall(r'X\(\w+, "(\w+)"', body))


def main():
    build = pathlib.Path(sys.argv[1])
    daemon = set(OPTION.findall(help_of(build / "tuttid")))
    general = help_of(build / "tutti")
    commands = set(re.findall(r"^complete -c tutti -n \$bare -a (\w+)",
                              read("data/completions/tutti.fish"), re.M))
    client = set(OPTION.findall(general))
    for command in commands:
        client |= set(OPTION.findall(help_of(build / "tutti", command)))

    if not daemon or not client:
        finish(["tuttid or tutti is missing, or has no --help"], 1)
    problems = [*compare(daemon, man_options("docs/tuttid.8"), "docs/tuttid.8")]
    problems += compare(client, man_options("docs/tutti.1"), "docs/tutti.1")
    for program, options in (("tuttid", daemon), ("tutti", client)):
        for name, has in completed("data/completions/", program).items():
            problems += compare(options, has, name)
    problems += [f"tutti --help lacks the command {command}" for command in sorted(commands)
                 if not re.search(rf"\b{command}\b", general)]

    keys = daemon - NOT_IN_A_FILE
    conf = set(re.findall(r"^#?([a-z][a-z-]*) = ", read("data/tuttid.conf"), re.M))
    problems += compare(keys, conf, "data/tuttid.conf")
    man = set(re.findall(r"Ic ([a-z][a-z-]*) Li", read("docs/tuttid.conf.5")))
    problems += compare(keys, man, "docs/tuttid.conf.5")
    protocol = read("docs/protocol.md")
    problems += compare(daemon - {"config"}, set(OPTION.findall(protocol.split("## Options")[1]))
                        - {"config"}, "docs/protocol.md")
    for code in codes("TUTTI_ERRORS") | codes("TUTTI_WARNINGS"):
        if f"| `{code}` |" not in protocol:
            problems.append(f"docs/protocol.md lacks the code {code}")
    finish(problems, len(daemon) + len(client))


main()
