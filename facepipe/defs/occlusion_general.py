"""The general occluder, and which one a swap is told to look with.

The general one is learnt once, from drawn people alone, so that it is nobody's face.
"""

from collections.abc import Callable
from pathlib import Path

from facepipe.defs.foreign_models import model_file
from facepipe.defs.storage import Store
from facepipe.errors import BadInputError
from facepipe.files import write_whole
from facepipe.swapping.settings import GENERAL_OCCLUSION, NO_OCCLUSION, TARGET_OCCLUSION

GENERAL = "occluder"
"""What the general occluder is registered as."""
_LICENCE = "made here, from drawn people alone"
_PEOPLE = 120


def general_folder(store: Store) -> Path:
    """Where its weights lie, to start other trainings from."""
    return store.models() / GENERAL / "best"


def general_model(store: Store) -> Path | None:
    """Its file; none where it was never trained.

    Raises:
        ModelFileError: It is altered.
    """
    from facepipe.inference.lock import read_lock
    from facepipe.inference.models import ensure_model

    if GENERAL not in read_lock(store.models()):
        return None
    return ensure_model(GENERAL, store.models())


def named_occluder(store: Store, occlusion: str) -> Path | None:
    """The file that a swap's `occlusion` names; none where nothing looks, or the target's own.

    Raises:
        BadInputError: There is no such file, and no such model.
        ModelFileError: It is altered.
    """
    if occlusion in (NO_OCCLUSION, TARGET_OCCLUSION):
        return None
    if occlusion != GENERAL_OCCLUSION:
        return model_file(occlusion, store.models())
    general = general_model(store)
    if general is None:
        raise BadInputError(
            "occlusion=general, and there is no general occluder here yet; make it, once: "
            "facepipe models train"
        )
    return general


def train_general(
    store: Store, epochs: int, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Path:
    """Train it, or go on where a training ended, and register it; its file.

    Raises:
        StoppedError: It was asked to stop; the state is saved.
        BusyError: Another process trains it.
    """
    from facepipe.defs.progress import stop_flag
    from facepipe.inference.models import register_model
    from facepipe.training.device import DeviceSettings
    from facepipe.training.occluder_export import occluder_files_of
    from facepipe.training.occluder_model import train_occluder
    from facepipe.training.occluder_settings import OccluderTrainingSettings

    out = store.models() / GENERAL
    with stop_flag() as stop:
        train_occluder(
            [],
            # what is drawn is part of the code: after a change a saved training is of no use
            OccluderTrainingSettings(epochs=epochs, drawn_people=_PEOPLE, on_change="restart"),
            device=DeviceSettings(),
            scratch=store.workplace(f"models/{GENERAL}", "general"),
            out=out,
            on_epoch=lambda report: on_progress(report.epoch, report.epochs),
            stop=stop,
        )
    files = occluder_files_of(out, {"trained_on": "drawn people"})
    made = out / f"{GENERAL}.onnx"
    write_whole(made, files["facefusion.onnx"])
    return register_model(GENERAL, made, _LICENCE, store.models())
