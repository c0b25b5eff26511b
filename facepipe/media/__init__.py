"""Clips in, clips out: probing, decoding, selecting and encoding frames."""
