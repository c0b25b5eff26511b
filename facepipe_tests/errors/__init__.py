"""Every bad input that is known, tried one by one: the table `docs/errors.md` and its test."""
