import os
import platform
import re
import subprocess
import sys

import pytest

ARENAS = """
import ctypes, sys, threading
from tallyman.heap import share_arenas

c = ctypes.CDLL(None)
c.malloc.restype, c.malloc.argtypes = ctypes.c_void_p, (ctypes.c_size_t,)
c.fdopen.restype, c.malloc_info.argtypes = ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)
if sys.argv[1:]:
    share_arenas()
meeting = threading.Barrier(9)
def work():
    c.malloc(1000)
    meeting.wait(60)
threads = [threading.Thread(target=work) for _ in range(8)]
for each in threads:
    each.start()
meeting.wait(60)
out = c.fdopen(1, b"w")
c.malloc_info(0, out)
c.fflush(ctypes.c_void_p(out))
"""


def arenas(*arguments: str) -> int:
    """How many the allocator of a process has whose eight threads took memory at the same time."""
    command = [sys.executable, "-c", ARENAS, *arguments]
    told = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout
    return len(re.findall("<heap nr=", told))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc has arenas")
def test_threads_share_two_arenas() -> None:
    assert arenas("shared") <= 2 < arenas()
