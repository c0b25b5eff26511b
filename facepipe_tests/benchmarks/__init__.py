"""Ratios against named peers, each pair measured in the same run."""
