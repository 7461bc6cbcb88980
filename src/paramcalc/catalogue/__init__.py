"""The boundary to ``data/``: the only code that knows YAML and pydantic."""
