"""The import rules of pyproject.toml hold, and definitions load without heavy libraries."""

import subprocess
import sys

from importlinter.cli import lint_imports


def test_import_rules_hold():
    assert lint_imports() == 0


def test_definitions_load_without_the_libraries_that_only_work_needs():
    code = (
        "import sys, facepipe.definitions as d; d.defs(); heavy = "
        "('torch', 'mediapipe', 'insightface', 'onnxruntime'); "
        "print([name for name in heavy if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
