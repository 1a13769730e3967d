"""Whether the libraries can be loaded, and what to do where they can't."""

from __future__ import annotations

import resource

from shmtext import opencv
from shmtext.cli.printing import complain
from shmtext.errors import ExitCode

MIN_ADDRESS_SPACE_BYTES = 600 << 20
"""What NumPy, OpenCV and PyArrow map; most of it never becomes memory in use."""
NO_MEMORY = (
    "not enough memory: free some, raise the limit on this process (ulimit -v), or use fewer "
    "workers or --engine serial; what is committed is kept"
)


def check_address_space() -> None:
    """Raise under a limit in which the libraries would crash as they are imported, not fail."""
    limit_bytes, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit_bytes != resource.RLIM_INFINITY and limit_bytes < MIN_ADDRESS_SPACE_BYTES:
        raise MemoryError


def complain_of_library(error: ImportError) -> ExitCode:
    """Say what to do when a library that was installed with this program can't be loaded."""
    if any(reason in str(error) for reason in ("failed to map segment", "cannot allocate")):
        complain(NO_MEMORY)
        return ExitCode.STOPPED
    if error.name == "cv2":
        complain(opencv.explained(error))
    elif not isinstance(error, ModuleNotFoundError) and ".so" in str(error):
        complain(f"a library of the system is missing ({error}): install the package that has it")
    else:
        raise error
    return ExitCode.BAD_INPUT
