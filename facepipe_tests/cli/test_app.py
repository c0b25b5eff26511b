"""The command line begins at once, whatever it will need later."""

import json
import subprocess
import sys

HEAVY = ("av", "cv2", "mediapipe", "numpy", "onnxruntime", "pandas", "PIL", "scipy", "torch")
LOADED = """
import json, sys
from facepipe.cli import app
app._add_commands()
print(json.dumps(list(sys.modules)))
"""


def test_no_command_loads_a_heavy_library_before_it_runs():
    done = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    assert not set(HEAVY) & set(json.loads(done.stdout))
