"""What a document is: ours, a relative that is known by name, or neither."""

from __future__ import annotations

import json

import pytest

from contain.linter import lint
from contain.linter.kinds import decide

INSPECTED = {"Id": "4f", "Created": "2026-11-29T00:00:00Z", "Path": "sh", "Args": [], "State": {"Status": "running"}, "Image": "sha256:aa"}
INSPECTED |= {"HostConfig": {"Memory": 0}, "Mounts": [], "Config": {"Hostname": "4f", "Env": []}, "NetworkSettings": {}}
IMAGE = {"Id": "sha256:aa", "RepoTags": ["box:latest"], "Config": {"Env": []}, "Architecture": "amd64", "Os": "linux"}
IMAGE |= {"RootFS": {"Type": "layers", "Layers": ["sha256:bb"]}}

#: as their programs write them, cut to what matters
RELATIVES = {
    "docker inspect": [INSPECTED],
    "docker inspect of one": INSPECTED,
    "docker image inspect": [IMAGE],
    "docker image inspect of one": IMAGE,
    "schema 1": {
        "schemaVersion": 1,
        "name": "a/b",
        "tag": "t",
        "architecture": "amd64",
        "fsLayers": [{"blobSum": "sha256:aa"}],
        "history": [],
    },
    "policy.json": {"default": [{"type": "insecureAcceptAnything"}]},
    "policy.json with transports": {"default": [{"type": "reject"}], "transports": {"docker-daemon": {}}},
    "crictl container": {"metadata": {"name": "box"}, "image": {"image": "busybox"}, "linux": {}},
    "crictl pod": {"metadata": {"name": "box", "namespace": "default", "attempt": 1, "uid": "u"}, "linux": {}},
    "CDI": {"cdiVersion": "0.6.0", "kind": "vendor.com/net", "devices": [{"name": "a", "containerEdits": {}}]},
    "CNI": {"cniVersion": "1.0.0", "name": "n", "plugins": [{"type": "bridge"}]},
    "hook": {"version": "1.0.0", "hook": {"path": "/x"}, "when": {"always": True}, "stages": ["prestart"]},
    "seccomp profile": {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": []},
    "Compose": {"services": {"web": {"image": "box"}}},
    "Docker's client": {"auths": {"example.com": {}}},
    "libcontainer": {
        "id": "x",
        "init_process_pid": 7,
        "init_process_start": 1,
        "created": "",
        "config": {"rootfs": "/x"},
        "namespace_paths": {},
    },
    "Kubernetes": {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {}},
}


@pytest.mark.parametrize("name", RELATIVES)
def test_relatives_are_known_by_name_and_not_checked(name):
    """They are no errors, named or not."""
    assert [(item.id, item.severity) for item in lint(json.dumps(RELATIVES[name]).encode())] == [("DOC303", "info")]


def test_a_docker_archive_is_no_output_of_inspect():
    """Both are lists of objects with Config."""
    assert decide([{"Config": "aa.json", "RepoTags": None, "Layers": ["aa/layer.tar"]}]).kind == "docker-archive"


@pytest.mark.parametrize("text", [b"null", b"3", b'"x"', b"[]", b"{}", b"[null]", b"true"])
def test_what_is_no_object_is_of_no_kind(text):
    """A file that is named is told so; one that is found is passed over."""
    assert [(item.id, item.severity) for item in lint(text)] == [("DOC301", "error")]


def test_a_media_type_against_the_members_is_one_error():
    """Some tools would go by the one, some by the other."""
    index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "manifests": []}
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "config": {}, "layers": []}
    for document in (index, manifest):
        assert [(item.id, item.pointer) for item in lint(json.dumps(document).encode())] == [("DOC302", "/mediaType")]
