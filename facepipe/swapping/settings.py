"""What can be chosen in this room; needs no heavy library."""

from dataclasses import dataclass
from typing import Literal

from facepipe.errors import SettingsError
from facepipe.media.settings import EncodeSettings
from facepipe.swapping.drawing_settings import check_range
from facepipe.swapping.fitting_settings import FittingSettings
from facepipe.swapping.mapping import wishes_in

HdrChoice = Literal["keep", "tone_map"]
_DAY_S = 86_400
NO_OCCLUSION, TARGET_OCCLUSION, GENERAL_OCCLUSION = "none", "target", "general"


@dataclass(frozen=True)
class SwapSettings(FittingSettings):
    """How faces are put into a target.

    Attributes:
        people: Who gets whose face, as IDENTITY=PLACE with spaces between: `ada=track:0
            eve=left-to-right:2`. A place is one (the person that the target's faces are of, as
            for an identity without a place), many (everybody who is nobody else's), track:N,
            left-to-right:N (from 1), reference:frame:N (the largest face in that frame) or
            reference:FILE (who looks like this picture; the target's consent must cover it).
        same_person: Mean cosine from which two tracks, or a track and a picture, are one
            person's, -1 to 1; None takes 0.48 for the builtin embedder and 0.3 for ArcFace.
        max_yaw_deg: Faces turned further to either side stay as they are, up to 90.
        max_pitch_deg: Faces nodding further up or down stay as they are, up to 90.
        fade_deg: The swap fades out over so many degrees before these limits.
        fade_s: The swap comes and goes over so many seconds, and over at least four frames, where
            a face enters, leaves, is lost or turns away; 0 switches at once, up to 10.
        min_face_px: Faces smaller than this (longer side of the landmark box) stay as they are; a
            fifth larger, and the swap is fully shown.
        occlusion: What looks for things before the face, which then stay in front of the swap:
            none (nothing does), target (this target's own target/xseg_onnx), general (the one
            that `facepipe models train` makes; what is there nearly all the time it takes for a
            part of the face), or a file in FaceFusion's or DeepFaceLab's XSeg layout, by its path
            or by the name it is registered under.
        crf: x264's constant rate factor of the result, 0 (lossless) to 51.
        preset: x264's trade of time for size, ultrafast to veryslow.
        encoder: What writes the video: auto (libx264 for 8 bits, libx265 for more), libx264,
            libx265, h264_nvenc or hevc_nvenc. With the last two, crf is their constant quality,
            and the same swap may give other bytes.
        hdr: What becomes of high dynamic range (PQ, HLG): keep (10 bits, tags as they are) or
            tone_map (into BT.709 with 8 bits, which every screen shows).
        start_s: The result begins at this time of the target, in seconds.
        end_s: It ends at this time, in seconds; 0 goes on to the target's end.
        side_by_side: Also write side_by_side.mp4: target and result beside each other, small.
        disclosure: Text at the lower right of every frame, also of those that nobody is swapped in,
            and of every picture: "AI-generated" for one. At most 80 characters of ASCII; none
            draws nothing.
        chunk_frames: The video is made in stretches of so many frames, 1 to 10000, in whole
            batches; a swap that was broken off goes on after the last whole one.
    """

    people: str = ""
    same_person: float | None = None
    max_yaw_deg: float = 65.0
    max_pitch_deg: float = 45.0
    fade_deg: float = 8.0
    fade_s: float = 0.2
    min_face_px: float = 24.0
    occlusion: str = NO_OCCLUSION
    crf: int = 16
    preset: str = "medium"
    encoder: str = "auto"
    hdr: HdrChoice = "keep"
    start_s: float = 0.0
    end_s: float = 0.0
    side_by_side: bool = False
    disclosure: str = ""
    chunk_frames: int = 96

    def __post_init__(self) -> None:
        super().__post_init__()
        wishes_in(self.people)  # refuses what is no mapping
        if self.same_person is not None:
            check_range("same_person", self.same_person, -1, 1)
        check_range("max_yaw_deg", self.max_yaw_deg, 1, 90)
        check_range("max_pitch_deg", self.max_pitch_deg, 1, 90)
        check_range("fade_deg", self.fade_deg, 0, 90)
        check_range("fade_s", self.fade_s, 0, 10)
        check_range("min_face_px", self.min_face_px, 0, 10_000)
        if not self.occlusion:
            raise SettingsError(
                "occlusion is empty: it must be none, target, general, or an occluder's path or "
                "registered name"
            )
        if self.hdr not in ("keep", "tone_map"):
            raise SettingsError(f"hdr is {self.hdr!r}: it must be keep or tone_map")
        check_range("start_s", self.start_s, 0, _DAY_S)
        check_range("end_s", self.end_s, 0, _DAY_S)
        if self.end_s and self.end_s <= self.start_s:
            raise SettingsError(
                f"end_s is {self.end_s:g}: it must lie after start_s, which is {self.start_s:g}, "
                f"or be 0 for the target's end"
            )
        if self.disclosure:
            from facepipe.compositing.notice import check_notice

            check_notice(self.disclosure)
        check_range("chunk_frames", self.chunk_frames, 1, 10_000)
        self.encoding()  # refuses what the encoder would

    def encoding(self) -> EncodeSettings:
        """How the video is written."""
        return EncodeSettings(self.crf, self.preset, self.encoder)


@dataclass(frozen=True)
class ReportSettings:
    """What the report shows, and what its checks ask for.

    Attributes:
        sheet_rows: Moments of the clip on the contact sheet, 1 to 24.
        worst_frames: Frames on the sheet of the worst, by each measure, 1 to 6.
        least_closer_share: Least share of swapped faces closer to the identity than to the
            target, 0 to 1.
        least_swapped_share: Least share swapped of the frames that show the person, 0 to 1.
        least_background_ssim: Least structural similarity to the source outside the masks, 0 to 1.
        most_seam_delta_e: Largest mean colour step along the mask's edge beyond that of the
            source, CIE76, 0 to 100; 3 is what an attentive viewer sees.
        most_flicker_ratio: Largest change from frame to frame, as a multiple of the target's own,
            0 to 100.
        most_landmark_error_iod: Largest mean distance of landmarks from the target's, as a share
            of the eyes' distance, 0 to 1.
        least_found_share: Least share of swapped faces that are found again as faces, 0 to 1.
        most_mask_leakage: Largest share of what hides the face that the swap painted over, 0 to 1.
    """

    sheet_rows: int = 6
    worst_frames: int = 3
    least_closer_share: float = 0.95
    least_swapped_share: float = 0.98
    least_background_ssim: float = 0.98
    most_seam_delta_e: float = 3.0
    most_flicker_ratio: float = 1.15
    most_landmark_error_iod: float = 0.04
    least_found_share: float = 0.95
    most_mask_leakage: float = 0.1

    def __post_init__(self) -> None:
        check_range("sheet_rows", self.sheet_rows, 1, 24)
        check_range("worst_frames", self.worst_frames, 1, 6)
        for name in _SHARES:
            check_range(name, getattr(self, name), 0, 1)
        for name in ("most_seam_delta_e", "most_flicker_ratio"):
            check_range(name, getattr(self, name), 0, 100)


_SHARES = (
    "least_closer_share", "least_swapped_share", "least_background_ssim", "least_found_share",
    "most_landmark_error_iod", "most_mask_leakage",
)  # fmt: skip
