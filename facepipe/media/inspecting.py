"""The process in which media are decoded for the first time: a crash or a flood ends it alone.

Started by `inspection` as `python -m facepipe.media.inspecting`. It reads one JSON object with the
files and the limits, and answers with a JSON line per step. It may write no file.
"""

import contextlib
import json
import os
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_TOLD_EVERY_S = 0.5
_MIB = 1 << 20


def main() -> None:
    """Decode every file that is asked for, from its first frame to its last."""
    asked = json.load(sys.stdin)
    _restrict(int(asked["memory_mb"]) * _MIB)
    from facepipe.media import decode

    del decode  # loading it may take a while on a busy machine, which is no fault of a file
    sys.stdout.write("{}\n")
    sys.stdout.flush()
    for number, file in enumerate(asked["files"]):
        for told in _inspected(Path(file), int(asked["frames"])):
            sys.stdout.write(json.dumps({"file": number, **told}) + "\n")
            sys.stdout.flush()
            if "error" in told:
                return


def _inspected(path: Path, most_frames: int) -> Iterator[dict[str, Any]]:
    """What is found, as it is found; the last says `frames` or `error`."""
    from facepipe.errors import FacepipeError
    from facepipe.media.decode import decoded_whole

    frames, told_s = 0, time.monotonic()
    try:
        for frames in decoded_whole(path):
            if frames > most_frames:
                yield {"error": f"{path}: more than {most_frames} frames; cut it"}
                return
            if time.monotonic() - told_s > _TOLD_EVERY_S:
                told_s = time.monotonic()
                yield {"at": frames}
    except FacepipeError as error:
        yield {"error": str(error)}
    except MemoryError:
        yield {"error": f"{path}: needs more memory than is allowed"}
    except OSError as error:
        yield {"error": f"{path}: cannot be read ({error.strerror or error})"}
    else:
        yield {"frames": frames}


def _restrict(memory_bytes: int) -> None:
    """No core file, no written file, no more memory than allowed; where the system has limits."""
    for kind, most in (("CORE", 0), ("FSIZE", 0), ("DATA", memory_bytes)):
        with contextlib.suppress(ValueError, OSError, AttributeError):
            resource.setrlimit(getattr(resource, f"RLIMIT_{kind}"), (most, most))


if __name__ == "__main__":
    main()
    os._exit(0)  # what a damaged file has done to a library's state is not torn down
