"""An installation that everybody can read and execute: that of the work tree may lie in root's home."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys

from tests.conftest import TOP
from tests.engines.conftest import runtime
from tests.interpreter import for_everybody


def installed(folder: str, packages: tuple[str, ...] = ()) -> str:
    """A copy of the installed program below `folder`, with packages of this Python's beside it; its path."""
    python = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    site = f"{folder}/lib/{python}/site-packages"
    os.makedirs(f"{folder}/bin")
    os.makedirs(site)
    shutil.copy(runtime(), f"{folder}/bin/contain")
    os.symlink(for_everybody(), f"{folder}/bin/python3")
    shutil.copytree(f"{TOP}/contain", f"{site}/contain", ignore=shutil.ignore_patterns("src"))
    for name in packages:
        spec = importlib.util.find_spec(name)
        assert spec
        assert spec.submodule_search_locations
        shutil.copytree(spec.submodule_search_locations[0], f"{site}/{name}")
    subprocess.run(["chmod", "-R", "a+rX", folder], check=True)
    return f"{folder}/bin/contain"
