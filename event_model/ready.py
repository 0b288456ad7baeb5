"""Types that something is decoded into, made ready before any thread decodes."""

from __future__ import annotations

import msgspec


def ready(*kinds: type[msgspec.Struct]) -> None:
    """Have msgspec work out now how these, and the types that they hold, are decoded: where they are defined.

    Left alone it does so on first use. A second thread that comes meanwhile is given what is there by then, and the
    process ends with a segmentation fault (msgspec 0.22: a type's description is entered before it is complete).
    """
    for kind in kinds:
        msgspec.msgpack.Decoder(kind)
