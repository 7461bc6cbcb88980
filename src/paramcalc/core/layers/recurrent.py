"""Recurrent layers and their cells. Source: torch.nn, module ``rnn``.

A gate stacks its rows: LSTM has four, GRU three, a plain RNN one, so the first dimension of a
tensor is that many times ``hidden_size``.
"""

# ruff: noqa: PLR0917 - the signatures are torch's

from __future__ import annotations

from paramcalc.core.layers import checks
from paramcalc.core.layers.slot import Kind, Slot
from paramcalc.errors import ParamcalcError


def rnn(
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    nonlinearity: str = "tanh",
    bias: bool = True,
    batch_first: bool = False,
    dropout: float = 0.0,
    bidirectional: bool = False,
) -> list[Slot]:
    """Per layer k: ``weight_ih_lk`` [h, inputs], ``weight_hh_lk`` [h, h], ``bias_ih_lk`` and
    ``bias_hh_lk`` [h], where h = hidden_size; once more with ``_reverse`` if bidirectional.

    The inputs of the first layer are input_size, of the others h, or 2 * h if bidirectional.
    Source: torch.nn.
    """
    checks.choice("nonlinearity", nonlinearity, ("tanh", "relu"))
    _check_stack(input_size, hidden_size, num_layers, batch_first, dropout)
    return _stack("RNN", 1, input_size, hidden_size, num_layers, bias, bidirectional)


def lstm(
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    bias: bool = True,
    batch_first: bool = False,
    dropout: float = 0.0,
    bidirectional: bool = False,
    proj_size: int = 0,
) -> list[Slot]:
    """As RNN with 4 * h rows; proj_size p also gives ``weight_hr_lk`` [p, h], and p takes the
    place of h in the inputs and in the columns of ``weight_hh_lk``. Source: torch.nn.
    """
    _check_stack(input_size, hidden_size, num_layers, batch_first, dropout)
    checks.size("proj_size", proj_size, 0)
    if proj_size >= hidden_size:
        raise ParamcalcError(
            f"`proj_size` must be smaller than `hidden_size`, "
            f"got proj_size={checks.show(proj_size)} and hidden_size={checks.show(hidden_size)}"
        )
    return _stack("LSTM", 4, input_size, hidden_size, num_layers, bias, bidirectional, proj_size)


def gru(
    input_size: int,
    hidden_size: int,
    num_layers: int = 1,
    bias: bool = True,
    batch_first: bool = False,
    dropout: float = 0.0,
    bidirectional: bool = False,
) -> list[Slot]:
    """As RNN with 3 * h rows. Source: torch.nn."""
    _check_stack(input_size, hidden_size, num_layers, batch_first, dropout)
    return _stack("GRU", 3, input_size, hidden_size, num_layers, bias, bidirectional)


def _check_stack(
    input_size: int, hidden_size: int, num_layers: int, batch_first: bool, dropout: float
) -> None:
    checks.size("input_size", input_size)
    checks.size("hidden_size", hidden_size)
    checks.layers("num_layers", num_layers)
    checks.boolean("batch_first", batch_first)
    checks.probability("dropout", dropout)


def _stack(
    kind: str,
    gates: int,
    input_size: int,
    hidden_size: int,
    num_layers: int,
    bias: bool,
    bidirectional: bool,
    proj_size: int = 0,
) -> list[Slot]:
    has_bias = checks.boolean("bias", bias)
    both = checks.flag("bidirectional", bidirectional)
    rows = _rows(gates, hidden_size)
    remembered = proj_size or hidden_size
    slots: list[Slot] = []
    columns = input_size
    for layer in range(num_layers):
        for suffix in (f"l{layer}", f"l{layer}_reverse") if both else (f"l{layer}",):
            slots.append(Slot(f"weight_ih_{suffix}", (rows, columns), kind))
            slots.append(Slot(f"weight_hh_{suffix}", (rows, remembered), kind))
            if has_bias:
                slots.append(Slot(f"bias_ih_{suffix}", (rows,), kind))
                slots.append(Slot(f"bias_hh_{suffix}", (rows,), kind))
            if proj_size:
                slots.append(Slot(f"weight_hr_{suffix}", (proj_size, hidden_size), kind))
        columns = 2 * remembered if both else remembered
    return slots


def _rows(gates: int, hidden_size: int) -> int:
    return hidden_size if gates == 1 else gates * hidden_size


def rnn_cell(
    input_size: int, hidden_size: int, bias: bool = True, nonlinearity: str = "tanh"
) -> list[Slot]:
    """``weight_ih`` [h, input_size], ``weight_hh`` [h, h], ``bias_ih`` and ``bias_hh`` [h], where
    h = hidden_size. Source: torch.nn.
    """
    checks.choice("nonlinearity", nonlinearity, ("tanh", "relu"))
    return _cell("RNNCell", 1, input_size, hidden_size, bias)


def lstm_cell(input_size: int, hidden_size: int, bias: bool = True) -> list[Slot]:
    """As RNNCell with 4 * h rows. Source: torch.nn."""
    return _cell("LSTMCell", 4, input_size, hidden_size, bias)


def gru_cell(input_size: int, hidden_size: int, bias: bool = True) -> list[Slot]:
    """As RNNCell with 3 * h rows. Source: torch.nn."""
    return _cell("GRUCell", 3, input_size, hidden_size, bias)


def _cell(kind: str, gates: int, input_size: int, hidden_size: int, bias: bool) -> list[Slot]:
    checks.size("input_size", input_size)
    checks.size("hidden_size", hidden_size)
    rows = _rows(gates, hidden_size)
    slots = [
        Slot("weight_ih", (rows, input_size), kind),
        Slot("weight_hh", (rows, hidden_size), kind),
    ]
    if checks.flag("bias", bias):
        slots += [Slot("bias_ih", (rows,), kind), Slot("bias_hh", (rows,), kind)]
    return slots


KINDS: dict[str, Kind] = {
    "RNN": rnn,
    "LSTM": lstm,
    "GRU": gru,
    "RNNCell": rnn_cell,
    "LSTMCell": lstm_cell,
    "GRUCell": gru_cell,
}
