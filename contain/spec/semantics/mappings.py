"""Maps of ids, and whether the process has its ids in them."""

from __future__ import annotations

from contain.spec.semantics import Finding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from contain.spec.model import Spec

_MAP_LINES = 340  # user_namespaces(7)
_IDS = (1 << 32) - 1


def mappings(spec: Spec) -> Iterator[Finding]:
    """user_namespaces(7): both maps or none, no overlap, no overflow."""
    linux, have = spec.config["linux"], spec.namespaces()
    given = [key for key in ("uidMappings", "gidMappings") if linux.get(key)]
    if given and "user" not in have:
        yield Finding("RUN414", f"/linux/{given[0]}", f"{given[0]} without a user namespace", 'add {"type": "user"} to linux.namespaces')
    if have.get("user") == "" and not spec.run.userns and len(given) < 2:
        missing = next(key for key in ("uidMappings", "gidMappings") if key not in given)
        pointer = next(f"/linux/namespaces/{index}" for index, row in enumerate(linux["namespaces"]) if row["type"] == "user")
        remedy = f"add linux.{missing}, or let contain choose with --userns auto"
        yield Finding("RUN415", pointer, f"a new user namespace needs {missing}", remedy)
    for key in given:
        yield from map_lines(f"/linux/{key}", linux[key])


def map_lines(pointer: str, rows: list[dict[str, int]]) -> Iterator[Finding]:
    """One map."""
    if len(rows) > _MAP_LINES:
        yield Finding("RUN413", pointer, f"{len(rows)} lines are more than the kernel's {_MAP_LINES}", "join neighbouring ranges")
        return
    for index, row in enumerate(rows):
        if row["size"] < 1:
            yield Finding("RUN413", f"{pointer}/{index}/size", "a range of no ids", "write at least 1")
        for side in ("containerID", "hostID"):
            if row[side] + row["size"] > _IDS:
                yield Finding(
                    "RUN412", f"{pointer}/{index}/size", f"the range from {side} {row[side]} passes the largest id", "make it smaller"
                )
            clash = next((old for old in rows[:index] if row[side] < old[side] + old["size"] and old[side] < row[side] + row["size"]), None)
            if clash is not None:
                yield Finding(
                    "RUN412",
                    f"{pointer}/{index}",
                    f"{side} {row[side]} overlaps the range from {clash[side]}",
                    "an id can be mapped once on either side",
                )


def user(spec: Spec) -> Iterator[Finding]:
    """The process's ids exist in its user namespace, as far as the manifest gives the map."""
    linux, row = spec.config["linux"], spec.config["process"]["user"]
    if spec.run.user or "user" not in spec.namespaces():
        return
    wanted = [("uid", "/process/user/uid", row["uid"]), ("gid", "/process/user/gid", row["gid"])]
    wanted += [("gid", f"/process/user/additionalGids/{index}", gid) for index, gid in enumerate(row.get("additionalGids") or ())]
    for kind, pointer, number in wanted:
        rows = linux.get(f"{kind}Mappings") or ()
        if rows and not is_mapped(rows, number):
            yield Finding(
                "RUN227",
                pointer,
                f"{kind} {number} is not mapped",
                f"add a range to linux.{kind}Mappings that holds {number}, or choose another id",
            )


def is_mapped(rows: list[dict[str, int]] | tuple[()], number: int) -> bool:
    """Whether an id of the container is in a map."""
    return any(row["containerID"] <= number < row["containerID"] + row["size"] for row in rows)


RULES = (mappings, user)
