"""Names that the command line needs before it loads what they name."""

POOL = "device"
"""The pool that trainings take turns in."""
LORA = "pair/lora_checkpoint"
SWAP = "pair/swapped_video"
TRIALS, TRIAL_STEP = f"{LORA}_trials", "lora_trial"
"""Where trials of a pair's adapter are kept, and the step that makes one."""
