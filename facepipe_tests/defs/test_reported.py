"""What the UI shows of a swap: plots of its table, and checks that its limits decide."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from facepipe.defs.reported import describe_report, judge_report, report_checks
from facepipe.errors import SettingsError
from facepipe.swapping.settings import ReportSettings

GOOD = {
    "frames": {"total": 120, "swapped": 100, "skipped": {"no_face": 20}},
    "closer_to_identity_share": 1.0, "background_ssim": 0.995, "found_again_share": 1.0,
    "seam_delta_e": 2.0, "flicker_ratio": 1.1, "landmark_error_iod": 0.02, "mask_leakage": 0.05,
}  # fmt: skip
SPOILED = {
    "closer_to_identity": {"closer_to_identity_share": 0.94},
    "nearly_all_swapped": {"frames": {"total": 120, "swapped": 90, "skipped": {"no_face": 20}}},
    "background_kept": {"background_ssim": 0.97},
    "faces_found_again": {"found_again_share": 0.9},
    "no_seam": {"seam_delta_e": 3.1},
    "no_flicker": {"flicker_ratio": 1.2},
    "expression_kept": {"landmark_error_iod": 0.05},
    "occluders_kept": {"mask_leakage": 0.2},
}
LENIENT = ReportSettings(
    least_closer_share=0.5, least_swapped_share=0.5, least_background_ssim=0.5,
    most_seam_delta_e=9.0, most_flicker_ratio=9.0, most_landmark_error_iod=0.9,
    least_found_share=0.5, most_mask_leakage=0.9,
)  # fmt: skip


def failed(report, settings=None):
    results = judge_report(report, settings or ReportSettings())
    assert {result.check_name for result in results} == {spec.name for spec in report_checks()}
    return {result.check_name for result in results if not result.passed}


def test_a_good_swap_passes_every_check():
    assert failed(GOOD) == set()


@pytest.mark.parametrize("check", SPOILED)
def test_each_check_fails_by_its_own_number_and_passes_again_with_another_limit(check):
    assert failed(GOOD | SPOILED[check]) == {check}
    assert failed(GOOD | SPOILED[check], LENIENT) == set()


def test_a_check_tells_its_number_and_its_limit():
    results = {one.check_name: one for one in judge_report(GOOD, ReportSettings())}
    told = {name: value.value for name, value in results["no_seam"].metadata.items()}
    assert told == {"value": 2.0, "most": 3.0}


def test_what_could_not_be_measured_fails_no_check_and_says_so():
    unknown = dict.fromkeys(("seam_delta_e", "flicker_ratio", "mask_leakage"))
    assert failed(GOOD | unknown) == set()
    results = {one.check_name: one for one in judge_report(GOOD | unknown, ReportSettings())}
    assert results["no_flicker"].description == "there was nothing to measure"


@pytest.mark.parametrize("option", ["least_closer_share", "most_seam_delta_e", "worst_frames"])
def test_a_limit_that_no_number_can_have_is_refused(option):
    with pytest.raises(SettingsError, match=f"{option} is -1"):
        ReportSettings(**{option: -1})


def test_the_ui_gets_the_numbers_a_plot_of_each_measure_and_both_sheets(tmp_path):
    frames = 6
    swapped = np.arange(frames) != 2
    measured = np.where(swapped, 0.5, np.nan)
    names = (
        "similarity_to_identity", "similarity_to_target", "landmark_error_iod", "seam_delta_e",
        "source_change", "swap_change",
    )  # fmt: skip
    table = {
        "frame_index": np.arange(frames), "pts_s": np.arange(frames) / 25, "swapped": swapped,
        "reason": np.where(swapped, "", "no_face"), "mask_leakage": np.nan,
    } | dict.fromkeys(names, measured)  # fmt: skip
    pd.DataFrame(table).to_parquet(tmp_path / "frames.parquet")
    (tmp_path / "report.json").write_text(json.dumps(GOOD))
    for name in ("contact_sheet", "worst_frames"):
        Image.new("RGB", (64, 32)).save(tmp_path / f"{name}.png")
    told = describe_report(tmp_path, ReportSettings())
    plots = {name for name in told if name.endswith("_plot")}
    assert plots == {"similarity_plot", "landmark_error_plot", "seam_plot", "change_plot"}
    assert told["frames_total"] == 120
    assert told["seam_delta_e"] == 2.0
    assert told["skipped"].records[0].data == {"value": "no_face", "count": 1}
    assert {"contact_sheet", "worst_frames", "report"} <= set(told)
