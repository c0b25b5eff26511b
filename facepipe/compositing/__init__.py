"""Masks, mesh warp, colour transfer and blending: what swapping and training share."""
