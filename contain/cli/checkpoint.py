"""`contain checkpoint`: saves a running container through CRIU."""

from __future__ import annotations

import sys

import click

from contain.cli import oci
from contain.container.criu import Options, checkpoint
from contain.errors import printable

#: Flags that CRIU has under the same name.
FLAGS = (
    "--tcp-established",
    "--ext-unix-sk",
    "--shell-job",
    "--file-locks",
    "--link-remap",
    "--lazy-pages",
    "--auto-dedup",
    "--tcp-skip-in-flight",
)
_CRIU_NAMES = {"--tcp-skip-in-flight": "--skip-in-flight"}


def flags(given: dict[str, object]) -> list[str]:
    """Those that were given, as CRIU has them."""
    found = [_CRIU_NAMES.get(flag, flag) for flag in FLAGS if given.get(flag[2:].replace("-", "_"))]
    return found + [f"--empty-ns={name}" for name in str(given.get("empty_ns") or "").split(",") if name]


@click.command("checkpoint")
@click.option("--image-path", default="checkpoint", show_default=True, help="Folder for the images.")
@click.option("--work-path", default="", help="Folder for logs, else that of the images.")
@click.option("--parent-path", default="", help="Images of an earlier --pre-dump, relative to the new ones.")
@click.option("--leave-running", is_flag=True, help="Let the container go on.")
@click.option("--pre-dump", is_flag=True, help="Only save memory beforehand; the container goes on.")
@click.option("--manage-cgroups-mode", default="soft", help="CRIU's mode for cgroups: soft, full, strict, ignore.")
@click.option("--empty-ns", default="", help="Namespaces that are made anew at restore: network.")
@click.option("--status-fd", type=int, default=-1, help="Descriptor for CRIU to write to when it is ready.")
@click.option("--page-server", default="", help="ADDRESS:PORT of a page server for memory.")
@click.argument("id")
@click.pass_obj
def command(globals_: dict[str, str] | None, /, **given: str | bool | int) -> int:
    """Save container ID into a folder; it is gone afterwards, unless it is left running."""
    words = globals_ or {}
    more = [f"--status-fd={given['status_fd']}"] if int(given["status_fd"]) >= 0 else []
    if given["page_server"]:
        address, _, port = str(given["page_server"]).rpartition(":")
        more += ["--page-server", f"--address={address}", f"--port={port}"]
    options = Options(
        criu=words.get("criu", ""),
        images=str(given["image_path"]),
        work=str(given["work_path"]),
        parent=str(given["parent_path"]),
        manage_cgroups=str(given["manage_cgroups_mode"]),
        flags=flags({**given}) + more,
        leave_running=bool(given["leave_running"]),
        pre_dump=bool(given["pre_dump"]),
    )

    def work() -> int:
        for warning in checkpoint(str(given["id"]), options, root=words.get("root", "")):
            print(f"contain: warning: {printable(warning)}", file=sys.stderr)
        return 0

    return oci.guard(work, words)


for flag in FLAGS:
    command = click.option(flag, is_flag=True, help="As CRIU has it.")(command)
