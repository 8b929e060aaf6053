"""`spec=` as a mapping: what a config.json says, held by the caller; its errors point by JSON pointer, for there are no lines."""

from __future__ import annotations

import asyncio
import os
import pickle
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

import contain
from contain import aio

pytestmark = [
    pytest.mark.live,
    pytest.mark.any_kernel,
    pytest.mark.skipif(os.getuid() != 0, reason="the tests' sandbox shows root's own files"),
]


def spec(rootfs: Any, **more: Any) -> dict[str, Any]:
    """A small one that runs."""
    return {
        "ociVersion": "1.2.0",
        "process": {"cwd": "/", "args": ["echo", "own"], "env": ["PATH=/bin:/usr/bin", "A=b"], "user": {"uid": 0, "gid": 0}},
        "root": {"path": rootfs, "readonly": True},
        "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"}],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "mount", "network", "ipc", "uts")]},
        **more,
    }


def test_it_runs(busybox: str) -> None:
    """By a sandbox, by run, and as a container."""
    box = contain.Sandbox(spec=spec(busybox, hostname="mapped"))
    assert box.run(["sh", "-c", "hostname; echo $A"], text=True, check=True).stdout == "mapped\nb\n"
    assert contain.run(["echo", "x"], spec=spec(busybox), check=True).stdout == b"x\n"
    with box.start(["sleep", "1000"]) as container:
        assert container.exec(["hostname"], text=True).stdout == "mapped\n"
    assert asyncio.run(aio.run(["echo", "x"], spec=spec(busybox))).stdout == b"x\n"


def test_relative_paths_are_beside_the_working_folder(busybox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the root as of sources of mounts."""
    monkeypatch.chdir(os.path.dirname(busybox))
    mounts = [{"destination": "/mnt", "type": "bind", "source": os.path.basename(busybox), "options": ["bind", "ro"]}]
    found = contain.run(["ls", "/mnt/bin/busybox"], spec=spec(os.path.basename(busybox), mounts=mounts), text=True)
    assert found.stdout == "/mnt/bin/busybox\n", found.stderr


def test_any_mapping_and_paths(busybox: str) -> None:
    """Tuples are lists, paths are strings, null is absent, what is no dict but a mapping is an object."""
    frozen = MappingProxyType(
        {
            **spec(Path(busybox)),
            "linux": MappingProxyType(dict(spec("")["linux"])),
            "mounts": (),
            "domainname": None,
            "annotations": {"a": "b"},
        }
    )
    box = contain.Sandbox(spec=frozen)
    assert box.run(["echo", "x"], check=True).stdout == b"x\n"
    assert box.spec.config["mounts"] == []


def test_it_is_copied(busybox: str) -> None:
    """The caller may go on with its own, and neither a plan nor a derived sandbox writes into it."""
    given = spec(busybox)
    before = pickle.dumps(given)
    box = contain.Sandbox(spec=given)
    assert pickle.dumps(given) == before
    given["root"]["path"] = "/nowhere"
    given["hostname"] = "changed"
    assert box.replace(memory=None).run(["hostname"], text=True, check=True).stdout != "changed\n"
    assert box.run(["echo", "x"], cpu_time=5, check=True).stdout == b"x\n"


def test_it_is_pickled(busybox: str) -> None:
    """By what it says."""
    box = pickle.loads(pickle.dumps(contain.Sandbox(spec=spec(busybox, hostname="far"))))
    assert box.run(["hostname"], text=True, check=True).stdout == "far\n"
    named = pickle.loads(pickle.dumps(box.replace(hostname="near")))
    assert named.run(["hostname"], text=True, check=True).stdout == "near\n"


@pytest.mark.parametrize(
    ("change", "id", "pointer"),
    [
        ({"root": {"path": 7}}, "RUN004", "/root/path"),
        ({"mounts": [{"destination": "/x", "source": b"x"}]}, "DOC001", "/mounts/0/source"),
        ({"annotations": {"a/b": "x\0"}}, "DOC008", "/annotations/a~1b"),
        ({"annotations": {"a": "\ud800"}}, "DOC007", "/annotations/a"),
        ({"org.x": {"n": float("nan")}}, "DOC101", "/org.x/n"),
        ({"org.x": {1: "n"}}, "DOC001", "/org.x"),
        ({"org.x": {1, 2}}, "DOC001", "/org.x"),
    ],
)
def test_errors_point_by_json_pointer(busybox: str, change: dict[str, Any], id: str, pointer: str) -> None:
    """The shape, and what JSON has no word for; the file is called `<spec>`."""
    with pytest.raises(contain.ManifestError) as caught:
        contain.Sandbox(spec=spec(busybox, **change))
    first = caught.value.diagnostics[0]
    assert (first.id, first.file, first.pointer, first.position) == (id, "<spec>", pointer, None)  # type: ignore[attr-defined]
    assert str(caught.value).startswith("<spec>: ")


def test_errors_of_meaning_point_too(busybox: str) -> None:
    """What the shape alone cannot say, and what the host says."""
    with pytest.raises(contain.ManifestError, match=r"^<spec>: process\.cwd: ") as caught:
        contain.Sandbox(spec=spec(busybox, process={"args": ["x"], "cwd": "relative"}))
    assert {(one.file, one.position) for one in caught.value.diagnostics} == {("<spec>", None)}  # type: ignore[attr-defined]
    with pytest.raises(contain.ContainError, match=r"<spec>: root\.path"):
        contain.Sandbox(spec=spec(f"{busybox}/nowhere"))


def test_what_holds_itself_is_refused(busybox: str) -> None:
    """By its depth."""
    loop: dict[str, Any] = {}
    loop["org.x"] = loop
    with pytest.raises(contain.ManifestError, match="within each other"):
        contain.Sandbox(spec=spec(busybox, **loop))


def test_only_spec_is_a_mapping(busybox: str) -> None:
    """And it is nothing else but a path."""
    with pytest.raises(contain.UsageError, match="rootfs is a path, not dict"):
        contain.Sandbox(rootfs={})  # type: ignore[typeddict-item, call-arg, arg-type]
    with pytest.raises(contain.UsageError, match="spec is a path or a mapping, not list"):
        contain.Sandbox(spec=[busybox])  # type: ignore[typeddict-item, call-arg, arg-type]


def test_other_options_beside_it(busybox: str) -> None:
    """As beside a bundle."""
    with pytest.raises(contain.UsageError, match="may not both be given"):
        contain.Sandbox(spec=spec(busybox), rootfs=busybox)
    assert contain.run(["env"], spec=spec(busybox), env={"B": "c"}, text=True).stdout.count("B=c") == 1


def test_bytes_that_are_no_text_come_through(busybox: str) -> None:
    """As os.fsdecode has them: a path may have any."""
    given = spec(busybox)
    given["process"]["env"].append(os.fsdecode(b"B=\xff"))
    assert contain.run(["sh", "-c", "echo $B"], spec=given, check=True).stdout == b"\xff\n"
