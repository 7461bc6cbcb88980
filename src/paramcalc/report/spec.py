"""A model as the layer spec that it was understood as."""

from __future__ import annotations

from paramcalc.catalogue.yaml_text import written
from paramcalc.core.model import Model
from paramcalc.core.writing.document import document_of
from paramcalc.report.terminal import write


def write_spec(model: Model) -> None:
    """The spec of a model: `paramcalc count` of it gives the same figures."""
    text = written(document_of(model))
    write(f"# {model.name}: {model.parameters.total:,} parameters\n{text}")
