"""Tests of facepipe, in the order of its rooms."""
