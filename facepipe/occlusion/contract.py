"""The two layouts in which occluder files are read elsewhere, to the letter."""

from types import MappingProxyType

INPUT_PX = 256
"""Side of the squares that files take and give."""
LAYOUTS = MappingProxyType(
    {"facefusion": ("input", "output"), "deepfacelab": ("in_face:0", "out_mask:0")}
)
"""Names of input and output in each layout; both take NHWC squares, blue green red, in 0..1."""
