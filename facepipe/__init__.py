"""Consented media in, a trained face-swap model and a swapped video out, as Dagster assets."""
