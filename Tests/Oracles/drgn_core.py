# SPDX-License-Identifier: MIT
"""Lets drgn open an assembled core and read 1,024 known words by virtual and by physical address.

Usage: drgn_core.py CORE VIRTUAL PHYSICAL
"""
import struct
import sys

import drgn

program = drgn.Program()
program.set_core_dump(sys.argv[1])
assert program.flags & drgn.ProgramFlags.IS_LINUX_KERNEL, program.flags
for address, physical in ((sys.argv[2], False), (sys.argv[3], True)):
    words = struct.unpack("<1024I", program.read(int(address, 16), 4096, physical))
    assert list(words) == [0x04000000 + i for i in range(1024)], (address, words[:4])
print(f"oracles: drgn {drgn.__version__} sees a kernel, and the pattern by both addresses")
