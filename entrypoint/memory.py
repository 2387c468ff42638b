"""How the C library keeps the memory of bodies: one setting for the whole process."""

from __future__ import annotations

import ctypes
from typing import Final

_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8
LARGEST_KEPT: Final = 9 * 1024 * 1024
"""Bytes of the largest body whose memory stays in the process for the next one: above that of a part."""


def settle() -> None:
    """Keep glibc's heaps small; to be called before there are threads. Other C libraries lack the call.

    glibc raises the size from which it gives memory back to the system with each larger block that is freed;
    from then on all bodies come from its heaps, which grow and do not shrink: 390 MB instead of 250 with 64
    files in flight. A threshold above the size of a part keeps parts and small files in the heaps, where
    their memory is used again; far lower, fresh pages for each body cost a third of the speed. And all
    threads share one heap, for bodies leave gaps in each: over 100 GB, 350 MB instead of 210 (mallopt(3)).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGEST_KEPT)
        mallopt(_M_ARENA_MAX, 1)
