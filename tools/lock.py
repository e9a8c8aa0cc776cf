"""Write the hashes of all wheels into the lock files, ``envs/requirements*.txt``, by ``make lock``.

A version is chosen by editing its line. This then writes below each line the SHA-256 of every wheel of that version for
the platforms that are supported: CPython 3.11 or newer on Linux (x86-64 and ARM) and macOS. A package without wheels
has the hash of its source instead. pip refuses what has another hash.

The builds of torch without CUDA are on an index of their own, which not everyone can reach. Their hashes are in
``envs/torch-cpu.sha256``, and count as well as those of the builds on the Python package index. On Linux the latter
need the packages of CUDA, which are in a file of their own, ``envs/requirements-cuda.txt``: torch names their versions.
"""

from __future__ import annotations

import re
import subprocess
import tempfile
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from packaging.tags import Tag
from packaging.utils import canonicalize_name, parse_wheel_filename

ENVIRONMENTS = Path(__file__).parents[1] / "envs"
CUDA = ENVIRONMENTS / "requirements-cuda.txt"
VALIDATORS = ENVIRONMENTS / "requirements-validators.txt"
"""What is installed apart from everything else, and may have other versions."""
CPU_BUILDS = ENVIRONMENTS / "torch-cpu.sha256"
OLDEST_PYTHON = 11
"""The minor version of the oldest Python 3 that the project allows."""
ASKED_PYTHON = "3.11.5"
"""The oldest for which all can be resolved: a package of the documentation needs this patch of it."""
PLATFORM = re.compile(r"any|(many)?linux.*_(x86_64|aarch64)|macosx_.*_(x86_64|arm64|universal2)")

Package = Mapping[str, Any]
"""A package as pylock.toml has it."""


def main() -> None:
    """Write the hashes into every lock file."""
    paths = sorted(ENVIRONMENTS.glob("requirements*.txt"))
    lock([path for path in paths if path != VALIDATORS])
    lock([VALIDATORS])


def lock(paths: Iterable[Path]) -> None:
    """Write the hashes into lock files whose packages are installed together."""
    texts = {path: path.read_text(encoding="utf-8") for path in paths}
    packages = resolve({name: pin for text in texts.values() for name, pin in pins(text).items()}.values())
    known = {name for path, text in texts.items() if path != CUDA for name in pins(text)}
    for path, text in texts.items():
        lines = introduction(text)
        if path == CUDA:
            names = [name for name, package in packages.items() if name not in known and is_for_linux(package)]
        else:
            names = list(pins(text))
        for name in names:
            lines += [requirement(packages[name], with_marker=path == CUDA)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def introduction(text: str) -> list[str]:
    """Return the lines of a lock file before its packages: comments, and the files that it adds to."""
    return [line for line in text.splitlines() if line.startswith(("#", "-r "))]


def pins(text: str) -> dict[str, str]:
    """Return the packages of a lock file, each with its version and platforms by its name, in their order."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(==[^\\\n]+)", text, re.MULTILINE)
    return {canonicalize_name(name): f"{name}{version}".strip() for name, version in found}


def resolve(requirements: Iterable[str]) -> dict[str, Package]:
    """Ask the package index for packages at their versions, and for all that they need on any platform."""
    with tempfile.TemporaryDirectory() as folder:
        asked, answered = Path(folder) / "asked.txt", Path(folder) / "pylock.toml"
        asked.write_text("\n".join(requirements), encoding="utf-8")
        command: list[str | Path] = ["uv", "pip", "compile", asked, "--universal", "--python-version", ASKED_PYTHON]
        command += ["--format", "pylock.toml", "--quiet", "--system-certs", "--output-file", answered]
        subprocess.run(command, check=True)
        return {package["name"]: package for package in tomllib.loads(answered.read_text("utf-8"))["packages"]}


def is_for_linux(package: Package) -> bool:
    """Return whether a package is needed on Linux, so that it is not one that Windows alone needs."""
    return "linux" in package.get("marker", "")


def requirement(package: Package, with_marker: bool) -> str:
    """Return the lines of a package in a lock file."""
    marker = f" ; {package['marker']}" if with_marker else ""
    hashes = wheel_hashes(package) or [package["sdist"]["hashes"]["sha256"]]
    if package["name"] == "torch":
        hashes += cpu_hashes(package["version"])
    lines = [f"{package['name']}=={package['version']}{marker}", *(f"    --hash=sha256:{each}" for each in hashes)]
    return " \\\n".join(lines)


def wheel_hashes(package: Package) -> list[str]:
    """Return the SHA-256 of each wheel of a package for the platforms that are supported."""
    wheels = {wheel["url"].rpartition("/")[2]: wheel["hashes"]["sha256"] for wheel in package.get("wheels", ())}
    return [sha256 for name, sha256 in sorted(wheels.items()) if any(map(is_supported, parse_wheel_filename(name)[3]))]


def is_supported(tag: Tag) -> bool:
    """Return whether a wheel with a tag installs on a supported platform."""
    if not PLATFORM.fullmatch(tag.platform):
        return False
    minor = int(tag.interpreter.removeprefix("cp3") or 0) if tag.interpreter.startswith("cp3") else None
    if minor is None:
        return tag.interpreter.startswith("py3")
    return tag.abi in ("abi3", "none") or (minor >= OLDEST_PYTHON and tag.abi == tag.interpreter)


def cpu_hashes(version: str) -> list[str]:
    """Return the SHA-256 of each build of torch without CUDA that :data:`CPU_BUILDS` lists of a version."""
    lines = [line.split() for line in CPU_BUILDS.read_text(encoding="ascii").splitlines() if not line.startswith("#")]
    hashes = [sha256 for sha256, name in lines if name.startswith(f"torch-{version}+cpu-")]
    if not hashes:
        raise SystemExit(f"{CPU_BUILDS} lists no build of torch {version}: add those of the index for CPUs")
    return hashes


if __name__ == "__main__":
    main()
