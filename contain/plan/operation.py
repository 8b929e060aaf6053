"""Operation: the base of everything that a plan may do, and the types its fields may have.

An operation is one small class here (fields, what it says, remedies) and one C function in launcher/src/operations/.
The classes are the only source: `make generate` writes the C structs, decoders and the dispatch table from them.
"""

from __future__ import annotations

from contain.kernel.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import ClassVar

#: How a field travels; the key is the annotation as written in the class body.
FIELD_KINDS = {
    "int": "i64",  # a signed 64-bit number; C: int64_t
    "bool": "i64",  # C: int64_t, 0 or 1
    "str": "text",  # no NUL inside; C: const char *
    "bytes": "blob",  # C: struct blob
    "list[str]": "texts",  # C: struct texts
}


class Operation(Record):
    """One step of a plan.

    `origin` is a JSON pointer into the manifest (`/mounts/3`), an option (`--memory`), or empty for what contain adds by itself.
    `stage` is one of contain.plan.stage; a class gives its usual stage as default.
    """

    #: errno name → remedy, one sentence; "" is the remedy for any other errno
    remedies: ClassVar[dict[str, str]] = {}

    stage: int
    origin: str = ""

    def describe(self) -> str:
        """What it does, for `contain plan`: `mount tmpfs on /data`."""
        raise NotImplementedError

    def words(self) -> str:
        """What the first line of a failure says before the kernel's words: `cannot mount tmpfs on /data`."""
        return f"cannot {self.describe()}"

    @classmethod
    def own_fields(cls) -> Iterator[tuple[str, str]]:
        """(name, kind) of the fields that travel to the launcher beside stage, origin and words."""
        for name, annotation in cls.fields().items():
            if name not in {"stage", "origin"} and annotation in FIELD_KINDS:
                yield name, FIELD_KINDS[annotation]
