"""Build the plug-in fixtures: small VST3 plug-ins, good and bad, that the tests of the plug-in host load.

    apt-get install g++ dpf-source
    python tools/make_fixtures.py                 # all of them, into build/fixtures
    python tools/make_fixtures.py --out out Latency Trouble  # only these, into out

Each plug-in is one call of g++ (3 to 7 s) on tools/fixtures/<folder>/plugin.cpp and on DPF, the DISTRHO
Plugin Framework (ISC licence), whose source Debian's dpf-source puts in /usr/share/dpf. What is up to date
by the content of its sources and by its flags is not built again. Linux only.
"""

from __future__ import annotations

import argparse
import hashlib
import platform
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DPF", "NAMES", "FixtureError", "build", "bundle", "missing"]

DPF = Path("/usr/share/dpf")
SOURCES = Path(__file__).resolve().parent / "fixtures"
COMPILER = "g++"
AT_ONCE = 2  # a call takes up to 300 MB
TIMEOUT_S = 300.0
FLAGS = (
    *("-std=gnu++17", "-O2", "-fPIC", "-shared", "-fvisibility=hidden"),
    *("-DNDEBUG", "-DDISTRHO_PLUGIN_TARGET_VST3"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """The folder that a plug-in is built from, and what is defined while it is."""

    folder: str
    define: str | None = None


RECIPES: Mapping[str, Recipe] = {
    "Latency": Recipe(folder="Latency"),
    "Echo": Recipe(folder="Echo"),
    "Instrument": Recipe(folder="Instrument"),
    "Mono": Recipe(folder="Mono"),
    "Trouble": Recipe(folder="Trouble"),
    "CrashOnLoad": Recipe(folder="Lifecycle", define="FIXTURE_CRASH_ON_LOAD"),
    "HangOnLoad": Recipe(folder="Lifecycle", define="FIXTURE_HANG_ON_LOAD"),
    "CrashOnExit": Recipe(folder="Lifecycle", define="FIXTURE_CRASH_ON_EXIT"),
}
NAMES: tuple[str, ...] = tuple(RECIPES)


class FixtureError(Exception):
    """A plug-in fixture cannot be built; the text says which and why."""


def missing(dpf: Path = DPF) -> str | None:
    """One sentence on what is not there to build the fixtures with, or None if everything is."""
    if platform.system() != "Linux":
        return "they are built on Linux only"
    if shutil.which(COMPILER) is None:
        return f"{COMPILER} is not installed (Debian package g++)"
    if not (dpf / "distrho" / "DistrhoPluginMain.cpp").is_file():
        return f"{dpf} does not hold the source of DPF (Debian package dpf-source)"
    return None


def build(out: Path, dpf: Path = DPF, names: Sequence[str] = NAMES) -> dict[str, Path]:
    """Build the named plug-ins that are not up to date, two at once.

    Args:
        out: folder of the bundles, made if it is not there.
        dpf: folder of DPF's source.
        names: some of `NAMES`.

    Returns:
        The bundle (`<name>.vst3`) of each name.

    Raises:
        FixtureError: a name is unknown, something is `missing`, or g++ refuses or takes over 5 minutes.
    """
    unknown = [name for name in names if name not in RECIPES]
    if unknown:
        raise FixtureError(f"no plug-in fixture is called {unknown[0]!r}: there are {', '.join(NAMES)}")
    stale = [name for name in dict.fromkeys(names) if not is_current(out, dpf, name)]
    if stale and (sentence := missing(dpf)):
        raise FixtureError(f"the plug-in fixtures cannot be built: {sentence}")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda name: compile_bundle(out, dpf, name), stale))
    return {name: bundle(out, name) for name in names}


def bundle(out: Path, name: str) -> Path:
    """The VST3 bundle of a plug-in below `out`."""
    return out / f"{name}.vst3"


def library(out: Path, name: str) -> Path:
    """The shared library within the bundle; a host finds it by the machine's name in the folder."""
    return bundle(out, name) / "Contents" / f"{platform.machine()}-linux" / f"{name}.so"


def stamp(out: Path, name: str) -> Path:
    """The file beside the bundle that keeps the digest of what the bundle was built from."""
    return out / f"{name}.sha256"


def is_current(out: Path, dpf: Path, name: str) -> bool:
    """Whether the bundle is there and was built from these sources with these flags."""
    kept = stamp(out, name)
    return library(out, name).is_file() and kept.is_file() and kept.read_text() == digest(dpf, name)


def digest(dpf: Path, name: str) -> str:
    """SHA-256 over the sources of a plug-in (its own and the shared headers, by content) and its flags."""
    folder = SOURCES / RECIPES[name].folder
    total = hashlib.sha256("\n".join(command(dpf, name, Path("out"))).encode())
    for source in sorted([*SOURCES.glob("*.hpp"), *folder.iterdir()]):
        total.update(f"\n{source.name}\n".encode())
        total.update(source.read_bytes())
    return total.hexdigest()


def command(dpf: Path, name: str, target: Path) -> list[str]:
    """The call of g++ that makes `target`."""
    recipe = RECIPES[name]
    folder = SOURCES / recipe.folder
    return [
        *(COMPILER, *FLAGS),
        *([f"-D{recipe.define}"] if recipe.define else []),
        *(f"-I{path}" for path in (folder, SOURCES, dpf / "distrho", dpf / "distrho" / "src")),
        *(str(folder / "plugin.cpp"), str(dpf / "distrho" / "DistrhoPluginMain.cpp")),
        f"-Wl,--version-script={dpf / 'utils' / 'symbols' / 'vst3.version'}",
        *("-o", str(target), "-ldl", "-lpthread"),
    ]


def compile_bundle(out: Path, dpf: Path, name: str) -> None:
    """Build one bundle: the library is written beside its place and moved there when it is whole."""
    target = library(out, name)
    target.parent.mkdir(parents=True, exist_ok=True)
    stamp(out, name).unlink(missing_ok=True)
    draft = target.with_suffix(".tmp")
    try:
        done = subprocess.run(
            command(dpf, name, draft), capture_output=True, text=True, timeout=TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired:
        raise FixtureError(f"{name}: {COMPILER} took over {TIMEOUT_S:.0f} s") from None
    if done.returncode != 0:
        raise FixtureError(f"{name}: {COMPILER} ended with {done.returncode}:\n{done.stderr.strip()}")
    draft.replace(target)
    stamp(out, name).write_text(digest(dpf, name))


def main() -> None:
    """Build from the command line and print the bundles."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all if none")
    parser.add_argument("--dpf", type=Path, default=DPF, help="folder of DPF's source (%(default)s)")
    parser.add_argument("--out", type=Path, default=Path("build/fixtures"), help="folder (%(default)s)")
    given = parser.parse_args()
    try:
        bundles = build(given.out, given.dpf, given.names or NAMES)
    except FixtureError as error:
        parser.exit(1, f"{error}\n")
    for path in bundles.values():
        print(path)


if __name__ == "__main__":
    main()
