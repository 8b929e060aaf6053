"""Untouched output of engines: the exact findings for each, so that a new rule that cries at all of them is seen.

The documents were written by runc 1.1, crun 1.8, Podman 4.3, Docker 20.10, containerd 1.6 (by ctr, and by its CRI plugin for a pod) and umoci 0.4;
only folders were renamed. "rootless" ones were written for an ordinary user (containerd's in RootlessKit, by `ctr run --cgroup ""`), "privileged"
ones are held apart.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from contain.linter import Settings, lint

ENGINES = sorted((Path(__file__).parent / "engines").glob("*.json"))


#: templates that are no whole document yet, and umoci, which writes annotations without a value
UNFINISHED = ("containerd", "crun-rootless", "umoci", "umoci-rootless")


def _found(path: Path, profile: str) -> list[str]:
    settings = Settings()
    settings.profile = profile
    return [f"{item.severity} {item.id} {item.pointer}" for item in lint(path.read_bytes(), name="config.json", settings=settings)]


@pytest.mark.parametrize("path", ENGINES, ids=[path.stem for path in ENGINES])
def test_findings_are_these(path):
    """Those that stand beside the document; errors only in templates that are no whole document yet."""
    found = _found(path, "advice")
    errors = [line for line in found if line.startswith("error")]
    if path.stem.endswith("-privileged"):
        assert errors
        assert all(" SEC" in line for line in errors)
    else:
        assert path.stem in UNFINISHED or errors == []
    assert found == path.with_suffix(".txt").read_text().splitlines()


def test_there_are_twenty_of_them():
    """Root and rootless, of six programs."""
    assert len(ENGINES) >= 20


@pytest.mark.parametrize("name", ["docker", "podman", "podman-rootless", "podman-rootless-keep-id"])
def test_engines_defaults_are_silent_in_their_profile(name):
    """The profile engine-default says nothing of what Docker and Podman do by default."""
    path = Path(__file__).parent / "engines" / f"{name}.json"
    assert [line for line in _found(path, "engine-default") if " SEC" in line] == []


#: what is said of root without a user namespace
AS_ROOT = {"SEC001", "SEC014", "SEC211"}


def test_a_rootless_podman_is_known_by_its_own_files():
    """It names no user namespace, since all of it runs in one: nothing is said of the host's root, but the same document of root's is told."""
    data = (Path(__file__).parent / "engines/podman-rootless.json").read_bytes()
    assert AS_ROOT.isdisjoint(item.id for item in lint(data))
    for old, new in ((b"/run/user/1000/", b"/run/"), (b"/home/user/.local/share/", b"/var/lib/")):
        assert old in data
        data = data.replace(old, new)
    assert {item.id for item in lint(data)} >= AS_ROOT


def test_host_ids_of_a_rootless_document_are_those_of_the_engines_user_namespace():
    """Podman's keep-id maps the user to 0 there, who is nobody's root."""
    data = (Path(__file__).parent / "engines/podman-rootless-keep-id.json").read_bytes()
    assert {"SEC002", "SEC003"}.isdisjoint(item.id for item in lint(data))
    data = data.replace(b"/run/user/1000/", b"/run/").replace(b"/home/user/.local/share/", b"/var/lib/")
    assert {"SEC002", "SEC003"} <= {item.id for item in lint(data)}


def test_what_a_rootless_containerd_wrote_cannot_be_told_from_roots():
    """So what is said holds for both."""
    data = (Path(__file__).parent / "engines/containerd-rootless.json").read_bytes()
    words = [item.message for item in lint(data) if item.id in AS_ROOT]
    assert len(words) == 2
    assert all("unless the runtime is rootless" in text for text in words)
