"""Our verdict is upstream's: on sound documents, on mutants with one fault, for each release, but for the listed differences."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest

from contain import schema
from contain.schema import generate
from tests.schema.documents import Maker
from tests.schema.upstream import validator

#: where we are stricter than upstream's schema of 1.3.0, since its text is (features.md, C.15, says the same): pointer ending → why
STRICTER = {
    "/process/ioPriority/priority": "REQUIRED, from 0 to 7 (config.md, Linux process)",
    "/linux/memoryPolicy/mode": "REQUIRED (config-linux.md, Memory policy)",
    "/rate": "REQUIRED in throttle devices (config-linux.md, Block IO)",
    "/linux/resources/memory/swappiness": "0 to 100 (config-linux.md, Memory)",
    "/linux/resources/devices/0/type": "a, b or c (config-linux.md, Allowed Device list)",
    "/linux/resources/devices/1/type": "a, b or c",
    "/linux/resources/devices/0/access": "letters of r, w, m",
    "/linux/resources/devices/1/access": "letters of r, w, m",
    "/process/oomScoreAdj": "-1000 to 1000 (proc(5)): the kernel refuses others",
    "/linux/resources/cpu/idle": "0 or 1 (config-linux.md, CPU)",
    "/linux/resources/memory/limit": "at least -1: no other negative number means anything",
    "/linux/resources/memory/reservation": "at least -1",
    "/linux/resources/memory/swap": "at least -1",
    "/linux/resources/memory/kernel": "at least -1",
    "/linux/resources/memory/kernelTCP": "at least -1",
    "/linux/intelRdt/enableCMT": "a boolean in 1.0 to 1.2",
    "/linux/intelRdt/enableMBM": "a boolean in 1.0 to 1.2",
    "/windows/resources/cpu/affinity": "an array of objects in the text, an object in the schema",
    "/linux/memoryPolicy": "features: the text has it, the schema of 1.3.0 forgot it",
    "/linux/intelRdt": "features: schemata and monitoring, likewise",
}


def _stricter(pointer: str) -> bool:
    return any(pointer.endswith(end) or f"{end}/" in pointer for end in STRICTER)


def _without_differences(document: Any) -> Any:
    """The document without members where upstream's schema is plainly stricter than its text, or contradicts it."""
    document = copy.deepcopy(document)
    linux = document.get("linux", {})
    if linux.get("resources", {}).get("pids") == {}:
        linux["resources"]["pids"] = {"limit": 1}  # limit is optional in the text
    linux["rootfsPropagation"] = linux.get("rootfsPropagation", "private").removeprefix(
        "r"
    )  # upstream lacks the recursive forms, which runc and engines use
    for device in linux.get("devices", ()):
        if "fileMode" in device:
            device["fileMode"] &= 0o777  # Podman writes the bits of the file's type too
    document.get("windows", {}).get("resources", {}).get("cpu", {}).pop("affinity", None)
    return document


CASES = [
    ("runtime-config", "config-schema.json"),
    ("runtime-state", "state-schema.json"),
    ("runtime-features", "features-schema.json"),
]


@pytest.mark.parametrize(("kind", "file"), CASES)
def test_generated_documents_are_sound_for_both(kind, file):
    """What our schema can make, upstream's newest accepts, and so do we."""
    judge = validator("runtime-spec-1.3.0", file)
    maker = Maker(generate.load(kind), random.Random(7))
    for _ in range(100):
        document = _without_differences(maker.document())
        assert schema.validate(kind, document) == []
        assert [error.message for error in judge.iter_errors(document)] == []


@pytest.mark.parametrize(("kind", "file"), CASES)
def test_mutants_are_refused_by_both_with_the_pointer(kind, file):
    """Each single fault is found at its pointer and nowhere else, and upstream refuses it too."""
    judge = validator("runtime-spec-1.3.0", file)
    rng = random.Random(11)
    maker = Maker(generate.load(kind), rng)
    for _ in range(12):
        document = _without_differences(maker.document(members=0.35))
        mutants = list(maker.mutants(document))
        for mutant, pointer, what in rng.sample(mutants, min(80, len(mutants))):
            if "affinity" in pointer:
                continue
            found = schema.validate(kind, mutant)
            assert [finding.pointer for finding in found] == [pointer], what
            assert _stricter(pointer) or not judge.is_valid(mutant), (pointer, what)


IMAGES = [
    ("image-descriptor", "content-descriptor.json"),
    ("image-index", "image-index-schema.json"),
    ("image-manifest", "image-manifest-schema.json"),
    ("image-config", "config-schema.json"),
    ("image-layout", "image-layout-schema.json"),
]
#: where we are stricter than the schemas of image-spec, since its text is: pointer ending → why
IMAGES_STRICTER = {
    "/size": "size MUST NOT be negative (descriptor.md, Properties)",
    "/diff_ids/0": "each a digest (config.md, Properties)",
    "/diff_ids/1": "each a digest",
    "/platform": "the schema of 1.1.1 knows it only in indexes",
    "/data": "descriptors of releases before 1.1 have none",
    "/artifactType": "manifests and descriptors of releases before 1.1 have none",
    "/subject": "manifests of releases before 1.1 have none",
    "/config/": "members of Docker's that image-spec reserves or does not know, and what it lets be null",
    "/history/": "likewise",
    "/container": "Docker's",
    "/container_config": "Docker's",
    "/docker_version": "Docker's",
    "/id": "Docker's",
    "/parent": "Docker's",
    "/moby.buildkit.buildinfo.v1": "BuildKit's",
    "/moby.buildkit.cache.v0": "BuildKit's",
    "/features": "reserved",
    "/variant": "of releases before 1.1",
}


@pytest.mark.parametrize("release", ["1.0.2", "1.1.1"])
@pytest.mark.parametrize(("kind", "file"), IMAGES)
def test_image_documents(kind, file, release):
    """The same for image-spec, sound documents and mutants; upstream wants at least one layer, the text only says SHOULD."""
    judge = validator(f"image-spec-{release}", file)
    rng = random.Random(5)
    maker = Maker(generate.load(kind), rng)
    for _ in range(15):
        document = maker.document(members=0.5)
        if kind == "image-manifest" and not document["layers"]:
            continue
        assert schema.validate(kind, document) == []
        assert [error.message for error in judge.iter_errors(document)] == []
        mutants = list(maker.mutants(document))
        for mutant, pointer, what in rng.sample(mutants, min(30, len(mutants))):
            assert [finding.pointer for finding in schema.validate(kind, mutant)] == [pointer], what
            if release != "1.1.1":
                continue  # the older ones leave more open
            listed = any(pointer.endswith(end) or f"{end}/" in pointer or (end[-1] == "/" and end in pointer) for end in IMAGES_STRICTER)
            assert listed or not judge.is_valid(mutant), (pointer, what)


@pytest.mark.parametrize("release", ["1.0.2", "1.1.0", "1.2.1", "debian"])
def test_what_we_accept_older_releases_accept(release):
    """A sound document that uses nothing newer than a release is sound for that release's schema."""
    kind = "runtime-config"
    judge = validator(f"runtime-spec-{release}", "config-schema.json")
    maker = Maker(_older(generate.load(kind), "1.0.2" if release == "debian" else release), random.Random(release))
    for _ in range(25):
        document = _without_differences(maker.document(members=0.4))
        assert schema.validate(kind, document) == []
        assert [error.message for error in judge.iter_errors(document)] == []


def _older(node: Any, release: str) -> Any:
    """The schema without the members and names that came after a release."""
    new_names = {
        "1.0.2": {
            "SCMP_ACT_KILL_PROCESS",
            "SCMP_ACT_KILL_THREAD",
            "SCMP_ACT_NOTIFY",
            "time",
            "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV",
            "SCMP_ARCH_RISCV64",
        }
    }
    new_names["1.1.0"] = new_names["1.2.1"] = {"SCMP_ARCH_LOONGARCH64", "SCMP_ARCH_M68K", "SCMP_ARCH_SH", "SCMP_ARCH_SHEB"}
    new_names["1.0.2"] = new_names["1.0.2"] | new_names["1.1.0"]

    def kept(child: Any) -> bool:
        since = child.get("x-since") or (root["definitions"][child["$ref"].rpartition("/")[2]].get("x-since") if "$ref" in child else None)
        return not since or _version(since) <= _version(release)

    root = node

    def prune(node: Any) -> Any:
        if isinstance(node, list):
            return (
                [prune(item) for item in node if item not in new_names[release]]
                if node and isinstance(node[0], str)
                else [prune(item) for item in node]
            )
        if not isinstance(node, dict):
            return node
        result = {key: prune(value) for key, value in node.items()}
        if isinstance(node.get("properties"), dict):
            result["properties"] = {name: prune(child) for name, child in node["properties"].items() if kept(child)}
        return result

    return prune(root)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))
