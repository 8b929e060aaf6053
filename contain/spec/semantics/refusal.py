"""The exception for a spec that cannot be run."""

from __future__ import annotations

from contain.errors import ManifestError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contain.spec.model import Spec
    from contain.spec.semantics import Finding


def refusal(spec: Spec, errors: list[Finding]) -> ManifestError | UsageError:
    """Says the first, and what else there is."""
    first = errors[0]
    place = spec.origins.place(first.pointer)
    if spec.origins.option(first.pointer):
        return UsageError(first.message, place=place, cause=first.cause, remedy=first.remedy)
    more = [f"{spec.origins.place(one.pointer)}: {one.message}" for one in errors[1:4]]
    rest = len(errors) - 1 - len(more)
    also = "; ".join(more) + (f"; and {rest} more" if rest > 0 else "")
    cause = first.cause or (f"also {also}" if more else "")
    return ManifestError(first.message, place=place, cause=cause, remedy=first.remedy, diagnostics=_diagnostics(spec, errors))


def _diagnostics(spec: Spec, errors: list[Finding]) -> list[object]:
    """The errors that stand in a document, in the model that lint prints too."""
    from contain.diagnostics import model

    document = spec.origins.document
    if document is None:
        return []
    sources = [spec.origins.source(one.pointer) for one in errors]
    positions = document.positions(set(sources))
    return [
        model.make(one.id, one.message, spec.origins.label, source, positions[source] if document.is_text else None, fix=one.remedy)
        for one, source in zip(errors, sources, strict=True)
    ]
