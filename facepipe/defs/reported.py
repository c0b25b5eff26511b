"""What the UI shows of a finished swap, and whether it is good enough."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import dagster as dg
import pandas as pd

from facepipe.arrays import FloatArray
from facepipe.defs import previews
from facepipe.defs.curves import course
from facepipe.swapping.settings import ReportSettings

_CHECKS = {
    "closer_to_identity": "Enough swapped faces are closer to the identity than to the target.",
    "nearly_all_swapped": "Nearly all frames that show the person are swapped.",
    "background_kept": "Outside the masks the film is as it was.",
    "no_seam": "No step of colour is seen along the mask's edge.",
    "no_flicker": "The swap changes from frame to frame hardly more than the target itself.",
    "expression_kept": "The swapped face's landmarks lie where the target's are.",
    "faces_found_again": "Nearly all swapped faces are still found as faces.",
    "occluders_kept": "What lies in front of the face is not painted over.",
}


def report_checks() -> list[dg.AssetCheckSpec]:
    """The checks of a report; each names its limit, a setting, in its result."""
    return [
        dg.AssetCheckSpec(name, asset=["pair", "swap_report"], description=description)
        for name, description in _CHECKS.items()
    ]


def describe_report(folder: Path, settings: ReportSettings) -> dict[str, Any]:
    """Numbers, how they went through the film, the worst frames, and the contact sheet."""
    report: dict[str, Any] = json.loads((folder / "report.json").read_text())
    table = pd.read_parquet(folder / "frames.parquet")
    skipped = table.loc[~table["swapped"], "reason"]
    return {
        **_numbers(report),
        "contact_sheet": previews.picture_file(folder / "contact_sheet.png"),
        "worst_frames": previews.picture_file(folder / "worst_frames.png"),
        **_plots(table, settings),
        "skipped": previews.table(previews.counts(skipped)),
        "frames_table": dg.MetadataValue.path(str(folder / "frames.parquet")),
        "report": dg.MetadataValue.json(report),
    }


def _numbers(report: Mapping[str, Any]) -> dict[str, float]:
    """What is a number, or is one within a group, under one name."""
    found: dict[str, float] = {}
    for name, value in report.items():
        parts = cast(dict[str, Any], value) if isinstance(value, dict) else {"": value}
        for part, number in parts.items():
            if isinstance(number, int | float):
                digits = number if isinstance(number, int) else float(f"{number:.4g}")
                found[f"{name}_{part}".rstrip("_")] = digits
    return found


def _plots(table: pd.DataFrame, settings: ReportSettings) -> dict[str, Any]:
    """A plot of each measure over time; of several faces in a frame the worst counts."""
    frames = table.groupby("frame_index")
    times_s = frames["pts_s"].first().to_numpy()

    def lowest(name: str) -> FloatArray:
        return frames[name].min().to_numpy()

    def highest(name: str) -> FloatArray:
        return frames[name].max().to_numpy()

    plots = {
        "similarity_plot": course(
            {
                "to identity": lowest("similarity_to_identity"),
                "to target": highest("similarity_to_target"),
            },
            times_s,
        ),
        "landmark_error_plot": course(
            {"landmark error": highest("landmark_error_iod")},
            times_s,
            settings.most_landmark_error_iod,
        ),
        "seam_plot": course({"seam": highest("seam_delta_e")}, times_s, settings.most_seam_delta_e),
        "change_plot": course(
            {"target": highest("source_change"), "swap": highest("swap_change")}, times_s
        ),
        "leakage_plot": course(
            {"leakage": highest("mask_leakage")}, times_s, settings.most_mask_leakage
        ),
    }
    return {name: plot for name, plot in plots.items() if plot}


def judge_report(report: dict[str, Any], settings: ReportSettings) -> list[dg.AssetCheckResult]:
    """Hold `report.json` against its limits; what could not be measured fails no check."""
    frames = report["frames"]
    shown = frames["total"] - frames["skipped"].get("no_face", 0)
    at_least = {
        "closer_to_identity": (report["closer_to_identity_share"], settings.least_closer_share),
        "nearly_all_swapped": (frames["swapped"] / max(shown, 1), settings.least_swapped_share),
        "background_kept": (report["background_ssim"], settings.least_background_ssim),
        "faces_found_again": (report["found_again_share"], settings.least_found_share),
    }
    at_most = {
        "no_seam": (report["seam_delta_e"], settings.most_seam_delta_e),
        "no_flicker": (report["flicker_ratio"], settings.most_flicker_ratio),
        "expression_kept": (report["landmark_error_iod"], settings.most_landmark_error_iod),
        "occluders_kept": (report["mask_leakage"], settings.most_mask_leakage),
    }
    return [
        *(_result(name, value, {"least": least}) for name, (value, least) in at_least.items()),
        *(_result(name, value, {"most": most}) for name, (value, most) in at_most.items()),
    ]


def _result(name: str, value: float | None, limit: dict[str, float]) -> dg.AssetCheckResult:
    if value is None:
        return dg.AssetCheckResult(
            check_name=name, passed=True, description="there was nothing to measure", metadata=limit
        )
    within = value >= limit["least"] if "least" in limit else value <= limit["most"]
    return dg.AssetCheckResult(
        check_name=name,
        passed=bool(within),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"value": value, **limit},
    )
