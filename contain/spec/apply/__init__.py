"""What the options mean for a spec: one module a family, each with HANDLERS (keywords → function), loaded only when one of its options is given."""

from __future__ import annotations

from contain.spec.options import option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.spec.model import Spec
    from contain.spec.options import Options

#: the order of application: --privileged first, so that --cap-drop and --security-opt beside it still count
ORDER = ("security", "process", "limits", "mounts", "run", "bundle")


def apply(spec: Spec, options: Options) -> Spec:
    """Applies every option that was given to the spec, in place, and notes its origin."""
    given = options.values
    rows = [option(keyword) for keyword in given]
    spec.origins.given = {name for row in rows for name in (options.name(row.keyword), row.shown)}
    families = {row.family for row in rows}
    for family in ORDER:
        if family not in families:
            continue
        module = __import__(f"contain.spec.apply.{family}", fromlist=["HANDLERS"])
        for keywords, handler in module.HANDLERS:
            if any(keyword in given for keyword in keywords):
                handler(spec, options)
    if options.command:
        spec.config["process"]["args"] = list(options.command)
        spec.origins.set("/process/args", "COMMAND")
    elif options.otherwise and not spec.config["process"].get("args"):
        spec.config["process"]["args"] = options.otherwise
    return spec
