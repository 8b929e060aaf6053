"""Plan: operations in the order of their stages, ready to be shown or encoded."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from contain.plan.operation import Operation


class Plan:
    """A list of operations, sorted by stage; within a stage they keep the order in which the compiler gave them.

    `places` maps each operation's origin to the words that begin the first line of its failure (`config.json:41:9: mounts[3]`).
    """

    __slots__ = ("operations", "places")

    def __init__(self, operations: Iterable[Operation], places: Callable[[list[str]], dict[str, str]] | None = None) -> None:
        """`places` resolves all origins at once, as Spec.origins.places does; without it an origin stands for itself."""
        self.operations = sorted(operations, key=lambda operation: operation.stage)
        self.places = places

    def place_of(self) -> dict[str, str]:
        """Origin → place, for the origins that this plan has."""
        origins = list(dict.fromkeys(operation.origin for operation in self.operations if operation.origin))
        found = self.places(origins) if self.places else {origin: origin for origin in origins}
        return {"": "", **found}
