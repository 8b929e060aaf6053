"""`contain restore`: makes a container from a checkpoint through CRIU."""

from __future__ import annotations

import click

from contain.cli import oci
from contain.cli.checkpoint import FLAGS, flags
from contain.container.criu import Options, restore


@click.command("restore")
@click.option("-b", "--bundle", default=".", help="Folder of the bundle, the present one by default.")
@click.option("--image-path", default="checkpoint", show_default=True, help="Folder of the images.")
@click.option("--work-path", default="", help="Folder for logs, else that of the images.")
@click.option("--manage-cgroups-mode", default="soft", help="CRIU's mode for cgroups: soft, full, strict, ignore.")
@click.option("--empty-ns", default="", help="Namespaces that are made anew: network.")
@click.option("--lsm-profile", default="", help="Security profile for the restored processes: apparmor:NAME, selinux:LABEL.")
@click.option("--lsm-mount-context", default="", help="SELinux context of the restored mounts.")
@click.option("--pid-file", default="", help="File for the pid of the main process.")
@click.option("-d", "--detach", is_flag=True, help="Do not wait for its end.")
@click.option("--no-subreaper", is_flag=True, help="Accepted: a detached container is nobody's child.")
@click.option("--no-pivot", is_flag=True, help="Accepted: CRIU makes the root.")
@click.option("--console-socket", default="", help="Refused: a terminal cannot be restored.")
@click.argument("id")
@click.pass_obj
def command(globals_: dict[str, str] | None, /, **given: str | bool) -> int:
    """Make container ID from what checkpoint saved, with the bundle that it was made from."""
    words = globals_ or {}
    named = [f"--{name.replace('_', '-')}={given[name]}" for name in ("lsm_profile", "lsm_mount_context") if given[name]]
    options = Options(
        criu=words.get("criu", ""),
        images=str(given["image_path"]),
        work=str(given["work_path"]),
        manage_cgroups=str(given["manage_cgroups_mode"]),
        flags=flags({**given}) + named,
        bundle=str(given["bundle"]),
        pid_file=str(given["pid_file"]),
        detach=bool(given["detach"]),
    )

    def work() -> int:
        from contain.container.create import read

        spec = read(str(given["id"]), options.bundle, words.get("root", ""), {})
        return restore(spec, options, root=words.get("root", ""))

    return oci.guard(work, words)


for flag in FLAGS:
    command = click.option(flag, is_flag=True, help="As CRIU has it.")(command)
