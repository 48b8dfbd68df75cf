# SPDX-License-Identifier: GPL-2.0-or-later
"""What a boot protocol declares. A module of this package with a `PROTOCOL` is one."""

from collections.abc import Callable
from dataclasses import dataclass

from patcher.image import Image
from vmm.boot.placement import Placement
from vmm.boot.state import BootOptions, BootState


@dataclass(frozen=True, slots=True)
class Protocol:
    """One row of the registry."""

    name: str
    rank: int
    """Protocols are asked in ascending rank."""
    matches: Callable[[bytes, BootOptions], bool]
    """Whether this protocol boots these file contents; answers for any bytes and raises nothing."""
    load: Callable[[bytes, str, Placement, BootOptions], BootState]
    """Put a kernel (contents, name) in RAM and say how it starts; `PatcherError` or `BootError`."""


def place_image(image: Image, place: Placement) -> None:
    """Every segment of an image at its load address, the rest of it zero."""
    for segment in image.segments:
        place.put(segment.load, segment.data, f"{segment.name} of {image.name}", segment.size)
