"""Small but true PMTiles archives of any size, and a reader that checks them.

The format: https://github.com/protomaps/PMTiles/blob/main/spec/v3/spec.md
"""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from typing import Final

HEADER: Final = struct.Struct("<7sB8Q3Q6B4iB2i")
HEADER_BYTES: Final = 127
NO_COMPRESSION: Final = 1
GZIP: Final = 2
VECTOR_TILES: Final = 1
PNG_TILES: Final = 2
WORLD: Final = (-1_800_000_000, -850_000_000, 1_800_000_000, 850_000_000)
"""Bounds in 1e-7 degrees: west, south, east, north."""


def archive(size: int, filler: bytes, name: str) -> bytes:
    """An archive of ``size`` bytes with one PNG tile at zoom 0, which holds the filler.

    Args:
        size: bytes; the smallest possible archive, below 400 bytes, comes where this asks for less.
        filler: at least ``size`` bytes.
        name: goes into the metadata.
    """
    metadata = json.dumps({"name": name, "type": "overlay"}, separators=(",", ":")).encode()
    room = size - HEADER_BYTES - len(metadata)
    tile, directory = b"", b""
    # The directory holds the tile's length as a varint, so its own length depends on it: settle.
    for _ in range(3):
        tile = png(room - len(directory), filler)
        directory = _directory(tile)
    return _join(directory, metadata, tile, PNG_TILES, NO_COMPRESSION)


def vector(layer: str, generation: int) -> bytes:
    """An archive with one vector tile at zoom 0, packed with gzip as tippecanoe does.

    The tile stands behind the 16 KiB that viewers read first.
    """
    padding = {"description": f"{generation}" * 20_000}
    metadata = json.dumps({"vector_layers": [{"id": layer, "fields": {}}], **padding}).encode()
    tile = gzip.compress(mvt(layer, generation), mtime=0)
    return _join(_directory(tile), metadata, tile, VECTOR_TILES, GZIP)


def mvt(layer: str, generation: int) -> bytes:
    """A vector tile with one square that covers it; the generation is the feature's id.

    https://github.com/mapbox/vector-tile-spec/tree/master/2.1
    """
    extent = 4096
    line = [_zigzag(extent), 0, 0, _zigzag(extent), _zigzag(-extent), 0]
    geometry = b"".join(map(_varint, [9, 0, 0, 26, *line, 15]))  # move to 0,0; three lines; close
    feature = b"\x08" + _varint(generation) + b"\x18\x03" + b"\x22" + _varint(len(geometry)) + geometry
    name = layer.encode()
    fields = b"\x78\x02" + b"\x0a" + _varint(len(name)) + name + b"\x12" + _varint(len(feature)) + feature
    body = fields + b"\x28" + _varint(extent)
    return b"\x1a" + _varint(len(body)) + body


def _zigzag(number: int) -> int:
    return (number << 1) ^ (number >> 31)


def _directory(tile: bytes) -> bytes:
    return _varint(1) + _varint(0) + _varint(1) + _varint(len(tile)) + _varint(1)


def _join(directory: bytes, metadata: bytes, tile: bytes, kind: int, compression: int) -> bytes:
    metadata_at = HEADER_BYTES + len(directory)
    tiles_at = metadata_at + len(metadata)
    header = HEADER.pack(
        b"PMTiles",
        3,
        *(HEADER_BYTES, len(directory)),
        *(metadata_at, len(metadata)),
        *(tiles_at, 0),  # no leaf directories
        *(tiles_at, len(tile)),
        *(1, 1, 1),  # addressed tiles, entries, contents
        *(1, NO_COMPRESSION, compression, kind, 0, 0),  # clustered, …, zooms
        *WORLD,
        *(0, 0, 0),  # centre
    )
    return header + directory + metadata + tile


def read_tile(data: bytes) -> bytes:
    """The one tile of such an archive; fails on anything that is not a whole one."""
    fields = HEADER.unpack_from(data)
    magic, version, root_at, root_length, metadata_at, metadata_length, _, _, tiles_at, tiles_length = fields[
        :10
    ]
    assert (magic, version) == (b"PMTiles", 3)
    assert root_at == HEADER_BYTES
    assert root_at + root_length <= metadata_at
    json.loads(data[metadata_at : metadata_at + metadata_length])
    assert tiles_at + tiles_length == len(data)
    tile = data[tiles_at:]
    assert tile.startswith(b"\x89PNG\r\n\x1a\n")
    return tile


def png(size: int, filler: bytes) -> bytes:
    """A one-pixel PNG of ``size`` bytes: the filler is in a private chunk that viewers pass over."""
    start = b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">2I5B", 1, 1, 8, 0, 0, 0, 0))
    end = _chunk(b"IDAT", zlib.compress(b"\0\0")) + _chunk(b"IEND", b"")
    room = max(0, size - len(start) - len(end) - 12)
    return start + _chunk(b"fiLl", filler[:room]) + end


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
