"""Bytes to a Document: what a manifest says, and on demand where in the text each value stands."""

from contain.document.decode import LIMIT, parse
from contain.document.model import Document, Position, Problem

__all__ = ["LIMIT", "Document", "Position", "Problem", "parse"]
