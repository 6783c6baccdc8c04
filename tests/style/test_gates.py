"""Each gate fails on a made-up violation, passes without it, and says when its list can be cut."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class Gates(unittest.TestCase):
    def run_gate(self, gate, files, known=""):
        """(passed, output) of a gate in a tree of these files. `known` stands for the lists in the gate."""
        with tempfile.TemporaryDirectory() as root:
            for name, text in files.items():
                path = pathlib.Path(root) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            source = (HERE / f"{gate}.py").read_text(encoding="utf-8")
            assert source.endswith("\n\nmain()\n")
            lists = "\n".join(f"{name} = type({name})()" for name in globals_of(source))
            program = f"{source.removesuffix('main()' + chr(10))}{lists}\n{known}\nmain()\n"
            env = {**os.environ, "TUTTI_GATES_ROOT": root, "PYTHONPATH": str(HERE)}
            done = subprocess.run([sys.executable, "-B", "-c", program], env=env, capture_output=True, text=True,
                                  check=False)
            self.assertIn(done.returncode, (0, 1), done.stdout + done.stderr)
            return done.returncode == 0, done.stdout + done.stderr

    def refuse(self, gate, files, words, known=""):
        passed, output = self.run_gate(gate, files, known)
        self.assertFalse(passed, output)
        self.assertIn(words, output)

    def accept(self, gate, files, known=""):
        passed, output = self.run_gate(gate, files, known)
        self.assertTrue(passed, output)

    def test_cycles(self):
        up = "void b_run(void)\n{\n    a_look();\n}\n"
        tree = {"src/x/a.c": "void a_look(void)\n{\n}\nvoid a_run(void)\n{\n    b_run();\n}\n", "src/x/b.c": up}
        self.refuse("cycles", tree, "src/x/b.c: in a cycle of its folder, by way of src/x/a.c")
        self.accept("cycles", tree, 'KNOWN = {"src/x/a.c", "src/x/b.c"}')
        apart = {**tree, "src/x/b.c": "static void a_look(void)\n{\n}\n" + up}  # one of its own
        self.accept("cycles", apart)
        self.accept("cycles", {"src/x/a.c": tree["src/x/a.c"], "src/y/b.c": up})
        self.refuse("cycles", apart, "src/x/a.c is mended", 'KNOWN = {"src/x/a.c"}')
        self.refuse("cycles", {"src/x/a.h": '#include "x/b.h"\n', "src/x/b.h": '#include "x/a.h"\n'}, "src/x/a.h")

    def test_flags(self):
        def struct(n):
            return {"src/x/a.h": "struct s {\n    int i;\n    bool " + ", ".join(f"f{k}" for k in range(n - 1)) +
                                 ";\n    struct {\n        bool deep;\n    } rt;\n};\n"}
        self.accept("flags", struct(8))
        self.refuse("flags", struct(9), "struct s has 9 flags")
        self.accept("flags", struct(9), 'KNOWN = {"src/x/a.h:s": 9}')
        self.refuse("flags", struct(10), "struct s has 10 flags", 'KNOWN = {"src/x/a.h:s": 9}')
        self.refuse("flags", struct(8), "src/x/a.h:s has few flags now", 'KNOWN = {"src/x/a.h:s": 9}')

    def test_names(self):
        a, b = "struct s {\n    int i;\n};\n", "struct s;\nvoid run(struct s *s);\n"
        self.accept("names", {"src/x/a.h": a, "src/y/b.h": b})
        self.refuse("names", {"src/x/a.h": a, "src/y/b.h": a}, "struct s: defined twice (src/x/a.h, src/y/b.h)")
        self.refuse("names", {"src/x/a.h": a}, "struct s is mended", 'KNOWN_STRUCTS = {"s"}')
        run = "void run(void)\n{\n}\n"
        self.accept("names", {"src/x/a.c": run, "src/y/b.c": "static " + run})
        self.refuse("names", {"src/x/a.c": run, "src/y/b.c": run}, "function run: defined twice")

    def test_untested(self):
        long = {"src/x/a.c": "int i;\n" * 121}
        self.refuse("untested", long, "src/x/a.c: more than 120 lines")
        self.accept("untested", {**long, "tests/unit/test_a.c": ""})
        self.accept("untested", {**long, "tests/unit/test_x_a.c": ""})
        self.accept("untested", long, 'KNOWN = {"src/x/a.c"}')
        self.refuse("untested", {"src/x/a.c": "int i;\n" * 120 , "src/x/b.c": "int i;\n" * 121}, "src/x/a.c is mended",
                    'KNOWN = {"src/x/a.c", "src/x/b.c"}')

    def test_asserts(self):
        self.accept("asserts", {"src/x/a.c": "assert(p);\n" * 4 + "int i;\n" * 996})
        self.refuse("asserts", {"src/x/a.c": "assert(p);\n" * 3 + "int i;\n" * 997}, "fewer than 4 asserts")
        for nothing in ("true", "1", "a == a", '"text"', "p || true"):
            self.refuse("asserts", {"src/x/a.c": f"assert({nothing});\n"}, "src/x/a.c:1: this cannot fail")
        self.accept("asserts", {"src/x/a.c": "/* assert(true) */\nassert(n == 1);\nassert(1 < n);\n"})

    def test_rt(self):
        marked = {"src/x/a.h": "/* rt: sends it. */\nint a_send(int n);\n"}
        direct = "int a_send(int n)\n{\n    return malloc(n) != 0;\n}\n"
        self.refuse("rt", {**marked, "src/x/a.c": direct}, "rt: a_send → malloc")
        self.accept("rt", {**marked, "src/x/a.c": direct.replace("malloc", "read")})
        # By way of another file, and of a static function that another file has as well.
        far = "#include \"y/b.h\"\nint a_send(int n)\n{\n    return b_put(n);\n}\n"
        b = ("static int put(int n)\n{\n    log_warn(\"b\", \"%d\", n);\n    return n;\n}\n"
             "int b_put(int n)\n{\n    return put(n);\n}\n")
        self.refuse("rt", {**marked, "src/x/a.c": far, "src/y/b.c": b}, "rt: a_send → b_put → put → log_warn")
        self.accept("rt", {**marked, "src/x/a.c": far, "src/y/b.c": b}, 'ALLOWED = {"b_put": "once"}')
        innocent = "int b_put(int n)\n{\n    return n;\n}\n"
        other = "static int put(int n)\n{\n    return json_dumps(n);\n}\n"
        self.accept("rt", {**marked, "src/x/a.c": far, "src/y/b.c": innocent, "src/y/c.c": other})
        self.refuse("rt", {**marked, "src/x/a.c": direct.replace("malloc", "read")}, "b_put is not reached",
                    'ALLOWED = {"b_put": "once"}')
        # What a marked member is set to counts.
        ops = {"src/x/ops.h": "struct ops {\n    /* rt: takes it. */\n    void (*take)(int n);\n};\n",
               "src/x/c.c": "static void on_take(int n)\n{\n    snprintf(0, 0, 0);\n}\n"
                            "static const struct ops ops = { .take = on_take };\n"}
        self.refuse("rt", ops, "rt: on_take → snprintf")

    def test_words(self):
        self.refuse("words", {"src/x/a.c": "/* Who" + "ever waits. */\n"}, "src/x/a.c:1")
        self.refuse("words", {"docs/a.md": "who" + "ever waits\n"}, "docs/a.md:1")
        self.accept("words", {"src/x/a.c": "/* Those who wait. */\n"})


def globals_of(source):
    """The names of the lists that a gate keeps."""
    return [line.split(" = ")[0] for line in source.splitlines() if line.startswith(("KNOWN", "ALLOWED")) and " = " in line]


unittest.main()
