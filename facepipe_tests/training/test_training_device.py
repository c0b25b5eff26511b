"""The device is what was asked for, or a refusal that names what there is."""

import pytest
import torch

from facepipe.errors import SettingsError
from facepipe.training.device import DeviceSettings, chosen_precision, open_accelerator


def test_the_cpu_can_be_asked_for_with_its_threads():
    accelerator = open_accelerator(DeviceSettings(device="cpu", threads=1, precision="fp32"))
    assert accelerator.device.type == "cpu"
    assert torch.get_num_threads() == 1


def test_one_process_can_train_in_two_precisions():
    for precision, name in (("bf16", "bf16"), ("fp32", "no")):
        accelerator = open_accelerator(DeviceSettings(device="cpu", precision=precision))
        assert accelerator.mixed_precision == name


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_missing_device_is_refused_with_what_there_is():
    with pytest.raises(SettingsError, match=r"'cuda'; this machine has .*cpu"):
        open_accelerator(DeviceSettings(device="cuda"))


def test_fp16_on_the_cpu_is_refused():
    with pytest.raises(SettingsError, match="fp16"):
        chosen_precision(DeviceSettings(precision="fp16"), "cpu")
