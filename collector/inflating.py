"""Unpack gzip as it comes: members one after the other, and the end missing when it was cut off."""

from __future__ import annotations

import zlib

MAGIC = b"\x1f\x8b"
_GZIP = 16 + zlib.MAX_WBITS


class Inflater:
    """Packed bytes in, unpacked bytes out."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP)
        self._packed = b""
        self._begun = False

    @property
    def whole(self) -> bool:
        """Whether all that came has been given, and ended where a member ends."""
        return not self._begun and not self._packed

    def feed(self, packed: bytes) -> None:
        self._packed += packed

    def read(self, limit: int) -> bytes:
        """Up to `limit` unpacked bytes; empty when more must be fed. Raises zlib.error for what is no gzip."""
        while self._packed or self._begun:
            if not self._begun:
                self._packed = self._packed.lstrip(b"\0")  # padding between members
                if not self._packed:
                    break
                self._member, self._begun = zlib.decompressobj(_GZIP), True
            data = self._member.decompress(self._packed, limit)
            self._packed = self._member.unconsumed_tail
            if self._member.eof:
                self._packed, self._begun = self._member.unused_data, False
            if data:
                return data
            if self._begun and not self._packed:
                break
        return b""
