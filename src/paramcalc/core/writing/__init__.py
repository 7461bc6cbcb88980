"""A model written down again as a layer spec: what was read, with numbers in place of names."""
