"""Open ONNX files on the device asked for, or on the CPU, saying so."""

import logging
import re
from pathlib import Path
from typing import Any, Literal

import onnxruntime

from facepipe.errors import ModelFileError, SettingsError
from facepipe.files import sha256_of

Device = Literal["auto", "cuda", "mps", "cpu"]
_CPU = "CPUExecutionProvider"
_PROVIDERS: dict[str, tuple[str, ...]] = {
    "auto": ("CUDAExecutionProvider", "CoreMLExecutionProvider"),
    "cuda": ("CUDAExecutionProvider",),
    "mps": ("CoreMLExecutionProvider",),
    "cpu": (),
}
# The default searches for the fastest algorithm, and may find another one in the next run.
_OPTIONS: dict[str, dict[str, str]] = {
    "CUDAExecutionProvider": {"cudnn_conv_algo_search": "DEFAULT"}
}
_NOISE = re.compile(
    r"\[ONNXRuntimeError\] : \d+ : \w+ : |Load model from .* failed:|"
    r"\S*\w\.(?:h|cc):\d+ (?:.*?\) (?=[A-Z])|\w+ )"
)
_ERRORS_ONLY = 3
_log = logging.getLogger(__name__)


def providers_for(device: str, available: list[str] | None = None) -> list[str]:
    """ONNX Runtime's execution providers to try for `device`, in order; the CPU comes last.

    A device that this build of ONNX Runtime cannot use is left out, with a warning in the log
    unless `device` is `auto`.

    Args:
        device: `auto`, `cuda`, `mps` (by CoreML) or `cpu`.
        available: What the build offers; asked of it if not given.

    Raises:
        SettingsError: `device` is none of these.
    """
    if device not in _PROVIDERS:
        raise SettingsError(f"device must be one of {', '.join(_PROVIDERS)}, got {device!r}")
    offered = onnxruntime.get_available_providers() if available is None else available
    usable = [name for name in _PROVIDERS[device] if name in offered]
    if device not in ("auto", "cpu") and not usable:
        _log.warning("device %s: not offered by this ONNX Runtime, so the CPU is used", device)
    return [*usable, _CPU]


def open_session(
    path: Path, *, device: str = "auto", threads: int = 0, sha256: str | None = None
) -> onnxruntime.InferenceSession:
    """A session on the ONNX file at `path`; on the CPU the same input gives the same bits.

    Args:
        path: The ONNX file.
        device: As in `providers_for`; what cannot be opened there runs on the CPU, and the log
            says so.
        threads: CPU threads; 0 leaves the choice to ONNX Runtime.
        sha256: The hash the file must have, if it matters.

    Raises:
        SettingsError: `device` is unknown or `threads` negative.
        ModelFileError: The file is missing, of another hash, or no ONNX file that can be run.
    """
    if threads < 0:
        raise SettingsError(f"threads must be 0 (automatic) or more, got {threads}")
    providers = providers_for(device)
    _check_file(path, sha256)
    options = _options(threads)
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, [(name, _OPTIONS.get(name, {})) for name in providers]
        )
    except Exception as error:  # ONNX Runtime's errors share no base but Exception
        raise ModelFileError(
            f"{path}: cannot be run as an ONNX file ({_reason(error)}); needed is a whole one, "
            f"with its weights in it or beside it, in an opset that ONNX Runtime "
            f"{onnxruntime.__version__} knows"
        ) from error
    if (used := session.get_providers()[0]) != providers[0]:
        _log.warning("%s runs on %s: %s could not be opened", path.name, used, providers[0])
    return session


def _reason(error: Exception) -> str:
    """What ONNX Runtime says, without its codes and the places in its own sources."""
    return _NOISE.sub("", str(error).strip().splitlines()[0]).strip()


def _options(threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.use_deterministic_compute = True
    options.log_severity_level = _ERRORS_ONLY
    # Threads that spin while they wait take the cores that decode, fit in and encode meanwhile
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _check_file(path: Path, sha256: str | None) -> None:
    if not path.is_file():
        raise ModelFileError(f"{path}: no such ONNX file")
    if sha256 is not None and (digest := sha256_of(path)) != sha256:
        raise ModelFileError(f"{path}: its sha256 is {digest}, it must be {sha256}")
