"""Fetches the packages of packages.txt with their registries' own clients, and keeps their media alone."""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
BYTES_MAX = 6_000_000  # of a file
KINDS = re.compile(r"\.(mp[1234]|og[gav]|opus|flac|wav|m4[abr]|aac|wma|ape|wv|mpc|tta|aiff?|aifc|spx|e?ac3|dts|dsf|dff|amr|xm|mod|it|"
                   r"s3m|webm|mk[av]|ofr|tak|mid|asf|snd|au|caf|w64|rm|3gp|voc|mov|flv|avi|mpg|oma)$", re.I)


def run(*command, folder, **more):
    return subprocess.run(command, cwd=folder, check=True, stdout=subprocess.PIPE, text=True, timeout=300, **more).stdout


def unpack(folder, pattern):
    for archive in folder.glob(pattern):
        (folder / "files").mkdir(exist_ok=True)
        run("tar", "-xzf", archive, "-C", "files", folder=folder)
    return folder / "files"


def debian(name, version, folder):
    run("apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", f"{name}={version}", folder=folder)
    for package in folder.glob("*.deb"):
        run("dpkg-deb", "-x", package, "files", folder=folder)
    return folder / "files"


def pypi(name, version, folder):
    run(sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--no-binary", ":all:", f"{name}=={version}", folder=folder)
    return unpack(folder, "*.tar.gz")


def npm(name, version, folder):
    run("npm", "pack", "-s", f"{name}@{version}", folder=folder)
    return unpack(folder, "*.tgz")


def crates(name, version, folder):
    (folder / "src").mkdir()
    (folder / "src/lib.rs").touch()
    (folder / "Cargo.toml").write_text(f'[package]\nname = "corpus"\nversion = "0.1.0"\n[dependencies]\n{name} = "={version}"\n')
    run("cargo", "fetch", "-q", folder=folder, env={**os.environ, "CARGO_HOME": str(folder / "home")})
    return unpack(folder, f"home/registry/cache/*/{name}-{version}.crate")


def go(name, version, folder):
    out = run("go", "mod", "download", "-json", f"{name}@{version}", folder=folder,
              env={**os.environ, "GOPATH": str(folder / "go"), "GOFLAGS": "-modcacherw"})
    return Path(json.loads(out)["Dir"])


CLIENTS = {"debian": debian, "pypi": pypi, "npm": npm, "crates": crates, "go": go}


def media(folder):
    """Paths in the folder, in one order everywhere."""
    return sorted(p.relative_to(folder) for p in folder.rglob("*") if p.is_file() and not p.is_symlink()
                  and KINDS.search(p.name) and 0 < p.stat().st_size < BYTES_MAX)


def bring(registry, name, version, kept):
    """A run that is stopped leaves `kept` whole or not there."""
    scratch = kept.with_name(kept.name + ".part")
    shutil.rmtree(scratch, ignore_errors=True)
    (scratch / "kept").mkdir(parents=True)
    files = CLIENTS[registry](name, version, scratch)
    for path in media(files):
        (scratch / "kept" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.move(files / path, scratch / "kept" / path)
    (scratch / "kept").rename(kept)
    shutil.rmtree(scratch)


def packages(root):
    """Yields (name, folder of its media, how many to play); what was fetched already is not fetched again."""
    for line in (HERE / "packages.txt").read_text().splitlines():
        if line.startswith("#"):
            continue
        registry, name, version, n_files = line.split()
        kept = root / registry / re.sub("[/:]", "-", f"{name}-{version}")
        if not kept.exists():
            print(f"fetching {name} {version}", file=sys.stderr)
            try:
                bring(registry, name, version, kept)
            except (subprocess.SubprocessError, OSError) as e:
                sys.exit(f"{registry} gives no {name} {version} ({e}): try again, or change packages.txt")
        yield name, kept, int(n_files)
