"""The fields of a document that searches look at, and where a document says not to trust them."""

from __future__ import annotations

from collections.abc import Mapping

from store.elastic.narrowed import Filter, one_of, some

TIME, ORDER = "tallyman.time", "tallyman.order"
UNSURE, INNER = "tallyman.long", "tallyman.inner"
WORDS = {"message": "tallyman.words.message", "process.command_line": "tallyman.words.command"}
TEXTS = {"message": "message", "process.command_line": "process.command_line.text"}  # whatever is in them
LONGEST_WORD = 255  # UTF-16 units: longer ones the server cuts, and document.py lists
SPELLED = ".keyword"  # beside an address, how it is spelled
ELSEWHERE = {
    "data_stream.dataset": "event.dataset",  # the document's own one names the stream that it is in
    "kubernetes.audit.objectRef.subresource": "tallyman.subresource",  # of every event, whatever its record
}


def flattened_above(path: str, types: Mapping[str, str]) -> str:
    """The flattened field that a path stands in; empty for none."""
    return next((field for field in upwards(path)[1:] if types.get(field) == "flattened"), "")


def unsure(path: str, inside: str = "") -> Filter:
    """Documents of which the index does not hold just what stands at a path, or somewhere below."""
    if not inside:
        return one_of(UNSURE, [path])
    above = [each for each in upwards(path) if len(each) >= len(inside)]
    return some([one_of(UNSURE, above), {"prefix": {UNSURE: path + "."}}])


def upwards(path: str) -> list[str]:
    """A dotted path, and all that it stands below: the nearest first."""
    parts = path.split(".")
    return [".".join(parts[:end]) for end in range(len(parts), 0, -1)]
