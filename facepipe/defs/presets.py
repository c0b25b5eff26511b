"""Every asset's settings by key, and the presets that set several at once."""

from typing import Any

from facepipe.defs.declaring import settings_model
from facepipe.identity.settings import FacesSettings, ProfileSettings
from facepipe.landmarks.settings import DetectionSettings, SmoothingSettings
from facepipe.media.settings import FramesSettings
from facepipe.swapping.settings import ReportSettings, SwapSettings
from facepipe.training.occluder_settings import OccluderTrainingSettings
from facepipe.training.settings import IdentityTrainingSettings, LoraTrainingSettings

SETTINGS_CLASSES: dict[str, type] = {
    "identity/frames": FramesSettings,
    "target/frames": FramesSettings,
    "identity/landmarks": DetectionSettings,
    "target/landmarks": DetectionSettings,
    "identity/smoothed_landmarks": SmoothingSettings,
    "target/smoothed_landmarks": SmoothingSettings,
    "identity/faces": FacesSettings,
    "target/faces": FacesSettings,
    "identity/profile": ProfileSettings,
    "target/xseg_checkpoint": OccluderTrainingSettings,
    "identity/checkpoint": IdentityTrainingSettings,
    "pair/lora_checkpoint": LoraTrainingSettings,
    "pair/swapped_video": SwapSettings,
    "pair/swap_report": ReportSettings,
}
SETTINGS = {key: settings_model(settings) for key, settings in SETTINGS_CLASSES.items()}


def _preset(max_frames: int, identity_epochs: int, lora_epochs: int) -> dict[str, dict[str, Any]]:
    return {
        "identity/frames": {"max_frames": max_frames},
        "target/frames": {"max_frames": max_frames},
        "identity/checkpoint": {"epochs": identity_epochs},
        "pair/lora_checkpoint": {"epochs": lora_epochs},
        "pair/swapped_video": {"swapper": "lora"},
    }


# WatserFace's three: its users know what to expect of them.
PRESETS: dict[str, dict[str, dict[str, Any]]] = {
    "quick": _preset(500, 30, 50),
    "production": _preset(1000, 100, 200),
    "maximum": _preset(1000, 200, 500),
}
DEMO_PRESETS = {
    "demo": _preset(500, 16, 32),  # within ten minutes on two cores
    "demo_quick": _preset(100, 3, 5),
}
