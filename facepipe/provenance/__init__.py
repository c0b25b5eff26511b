"""Who consented, what went in, what came out: consent records and hashes."""
