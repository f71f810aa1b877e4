"""What makes the disk fail and the clock wrong under the server: `shim.c`, built and steered."""

import contextlib
import errno
import mmap
import pathlib
import struct
import subprocess
import time

CALLS, FAIL_FROM, FAIL_UNTIL, FAIL_WITH, SLOW_MICROSECONDS, CLOCK_MILLISECONDS = range(6)
NUMBERS = 8


class Shim:
    """The numbers that every server process started with `environment` obeys at once."""

    def __init__(self, folder):
        self.library = pathlib.Path(folder) / "shim.so"
        source = pathlib.Path(__file__).with_name("shim.c")
        subprocess.run(
            ["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", str(self.library), str(source), "-ldl"],
            check=True,
        )
        self.path = pathlib.Path(folder) / "numbers"
        self.path.write_bytes(bytes(8 * NUMBERS))
        with open(self.path, "r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8 * NUMBERS)
        self.environment = {"LD_PRELOAD": str(self.library), "FAULT_NUMBERS": str(self.path)}

    def _get(self, place):
        return struct.unpack_from("q", self._map, 8 * place)[0]

    def _set(self, place, number):
        struct.pack_into("q", self._map, 8 * place, number)

    @property
    def calls(self):
        """How often the store has written or synced so far."""
        return self._get(CALLS)

    def fail(self, nth, count=1, with_errno=errno.EIO):
        """Makes the nth call from now on fail, and those behind it up to `count` in all."""
        self._set(FAIL_WITH, with_errno)
        self._set(FAIL_UNTIL, 0)
        self._set(FAIL_FROM, self.calls + nth)
        self._set(FAIL_UNTIL, self._get(FAIL_FROM) + count)

    @property
    def has_failed(self):
        """Whether the first call that was to fail has been made."""
        return self.calls >= self._get(FAIL_FROM)

    def heal(self):
        self._set(FAIL_UNTIL, 0)
        self._set(SLOW_MICROSECONDS, 0)

    def slow(self, seconds):
        """Makes every sync take this much longer."""
        self._set(SLOW_MICROSECONDS, int(seconds * 1_000_000))

    @property
    def clock(self):
        """Seconds that the server's wall clock is ahead."""
        return self._get(CLOCK_MILLISECONDS) / 1000

    @clock.setter
    def clock(self, seconds):
        self._set(CLOCK_MILLISECONDS, int(seconds * 1000))

    def now(self):
        """The server's wall clock, in seconds since 1970."""
        return time.time() + self.clock


@contextlib.contextmanager
def small_disk(folder, size_bytes):
    """A file system of this size, mounted at the folder.

    Raises PermissionError where that takes more rights than the test has.
    """
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)], capture_output=True, text=True
    )
    if done.returncode != 0:
        raise PermissionError(done.stderr.strip())
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
