# SPDX-License-Identifier: GPL-2.0-or-later
"""The values that a VGA BIOS leaves in the registers for mode 3, 80x25 text in colour.

IBM VGA XGA technical reference, "BIOS Default Register Values"; the CRT controller's are what QEMU's `-M
isapc` reads after its BIOS.
"""

MISC_OUTPUT = 0x67
SEQUENCER = bytes.fromhex("03 00 03 00 02")
GRAPHICS = bytes.fromhex("00 00 00 00 00 10 0e 0f ff")
ATTRIBUTE = bytes.fromhex("00 01 02 03 04 05 14 07 38 39 3a 3b 3c 3d 3e 3f 0c 00 0f 08 00")
CRTC = bytes.fromhex("5f 4f 50 82 55 81 bf 1f 00 4f 0d 0e 00 00 00 00 9c 8e 8f 28 1f 96 b9 a3 ff")


def palette() -> bytearray:
    """The 256 DAC entries, 3 bytes of 6 bits each: the 64 colours of the EGA (rgbRGB), the rest black."""
    entries = bytearray(256 * 3)
    for index in range(64):
        for component, primary, secondary in ((0, 4, 32), (1, 2, 16), (2, 1, 8)):
            entries[3 * index + component] = 42 * bool(index & primary) + 21 * bool(index & secondary)
    return entries
