"""torch's own attention and transformer. Source: torch.nn, ``activation``, ``transformer``."""

# ruff: noqa: ARG001, PLR0917 - the signatures are torch's, whether an argument matters or not

from __future__ import annotations

from paramcalc.core.layers import checks
from paramcalc.core.layers.linear import linear, non_dynamically_quantizable_linear
from paramcalc.core.layers.norm import layer_norm
from paramcalc.core.layers.slot import Kind, Slot, under


def multihead_attention(
    embed_dim: int,
    num_heads: int,
    dropout: float = 0.0,
    bias: bool = True,
    add_bias_kv: bool = False,
    add_zero_attn: bool = False,
    kdim: int | None = None,
    vdim: int | None = None,
    batch_first: bool = False,
) -> list[Slot]:
    """``in_proj_weight`` [3 * e, e], or ``q_proj_weight`` [e, e], ``k_proj_weight`` [e, kdim] and
    ``v_proj_weight`` [e, vdim] if one of them differs from e = embed_dim; ``in_proj_bias`` [3 * e];
    ``bias_k`` and ``bias_v`` [1, 1, e] if add_bias_kv; ``out_proj`` as Linear(e, e).

    Source: torch.nn.
    """
    checks.size("embed_dim", embed_dim)
    checks.size("num_heads", num_heads)
    checks.divides("num_heads", num_heads, "embed_dim", embed_dim)
    slots = _projections(embed_dim, kdim, vdim)
    if checks.flag("bias", bias):
        slots.append(_own("in_proj_bias", 3 * embed_dim))
    if checks.flag("add_bias_kv", add_bias_kv):
        slots += [_own("bias_k", 1, 1, embed_dim), _own("bias_v", 1, 1, embed_dim)]
    out_proj = non_dynamically_quantizable_linear(embed_dim, embed_dim, bias=bias)
    return slots + under("out_proj", out_proj)


def _projections(embed_dim: int, kdim: int | None, vdim: int | None) -> list[Slot]:
    if kdim is None:
        kdim = embed_dim
    if vdim is None:
        vdim = embed_dim
    checks.size("kdim", kdim)
    checks.size("vdim", vdim)
    if kdim == embed_dim and vdim == embed_dim:
        return [_own("in_proj_weight", 3 * embed_dim, embed_dim)]
    return [
        _own("q_proj_weight", embed_dim, embed_dim),
        _own("k_proj_weight", embed_dim, kdim),
        _own("v_proj_weight", embed_dim, vdim),
    ]


def _own(name: str, *shape: int) -> Slot:
    return Slot(name, shape, "MultiheadAttention")


def transformer_encoder_layer(
    d_model: int,
    nhead: int,
    dim_feedforward: int = 2048,
    dropout: float = 0.1,
    activation: str = "relu",
    layer_norm_eps: float = 1e-05,
    batch_first: bool = False,
    norm_first: bool = False,
    bias: bool = True,
) -> list[Slot]:
    """``self_attn`` as MultiheadAttention(d_model, nhead), ``linear1``, ``linear2``, ``norm1`` and
    ``norm2`` as LayerNorm(d_model). Source: torch.nn.
    """
    _check_model(d_model, nhead, dim_feedforward, dropout, activation)
    return [
        *under("self_attn", multihead_attention(d_model, nhead, bias=bias)),
        *_feedforward(d_model, dim_feedforward, bias),
        *_norms(2, d_model, bias),
    ]


def transformer_decoder_layer(
    d_model: int,
    nhead: int,
    dim_feedforward: int = 2048,
    dropout: float = 0.1,
    activation: str = "relu",
    layer_norm_eps: float = 1e-05,
    batch_first: bool = False,
    norm_first: bool = False,
    bias: bool = True,
) -> list[Slot]:
    """As TransformerEncoderLayer, with a second attention ``multihead_attn`` to the encoder's
    output and a third norm. Source: torch.nn.
    """
    _check_model(d_model, nhead, dim_feedforward, dropout, activation)
    attention = multihead_attention(d_model, nhead, bias=bias)
    return [
        *under("self_attn", attention),
        *under("multihead_attn", attention),
        *_feedforward(d_model, dim_feedforward, bias),
        *_norms(3, d_model, bias),
    ]


def transformer(
    d_model: int = 512,
    nhead: int = 8,
    num_encoder_layers: int = 6,
    num_decoder_layers: int = 6,
    dim_feedforward: int = 2048,
    dropout: float = 0.1,
    activation: str = "relu",
    custom_encoder: object = None,
    custom_decoder: object = None,
    layer_norm_eps: float = 1e-05,
    batch_first: bool = False,
    norm_first: bool = False,
    bias: bool = True,
) -> list[Slot]:
    """``encoder.layers.k`` as TransformerEncoderLayer, ``encoder.norm`` as LayerNorm(d_model), then
    the same for ``decoder``. It has no embeddings of its own. Source: torch.nn.
    """
    checks.absent("custom_encoder", custom_encoder, "a module")
    checks.absent("custom_decoder", custom_decoder, "a module")
    checks.layers("num_encoder_layers", num_encoder_layers, 0)
    checks.layers("num_decoder_layers", num_decoder_layers, 0)
    given = (d_model, nhead, dim_feedforward, dropout, activation)
    encoder_layer = transformer_encoder_layer(*given, bias=bias)
    decoder_layer = transformer_decoder_layer(*given, bias=bias)
    norm = under("norm", layer_norm(d_model, bias=bias))
    return [
        *under("encoder", _copies(num_encoder_layers, encoder_layer) + norm),
        *under("decoder", _copies(num_decoder_layers, decoder_layer) + norm),
    ]


def _copies(count: int, layer: list[Slot]) -> list[Slot]:
    return [slot for k in range(count) for slot in under(f"layers.{k}", layer)]


def _feedforward(d_model: int, dim_feedforward: int, bias: bool) -> list[Slot]:
    return [
        *under("linear1", linear(d_model, dim_feedforward, bias=bias)),
        *under("linear2", linear(dim_feedforward, d_model, bias=bias)),
    ]


def _norms(count: int, d_model: int, bias: bool) -> list[Slot]:
    norm = layer_norm(d_model, bias=bias)
    return [slot for k in range(1, count + 1) for slot in under(f"norm{k}", norm)]


def _check_model(
    d_model: int, nhead: int, dim_feedforward: int, dropout: float, activation: object
) -> None:
    checks.size("d_model", d_model)
    checks.size("nhead", nhead)
    checks.size("dim_feedforward", dim_feedforward)
    checks.divides("nhead", nhead, "d_model", d_model)
    checks.probability("dropout", dropout)
    checks.choice("activation", activation, ("relu", "gelu"))


KINDS: dict[str, Kind] = {
    "MultiheadAttention": multihead_attention,
    "TransformerEncoderLayer": transformer_encoder_layer,
    "TransformerDecoderLayer": transformer_decoder_layer,
    "Transformer": transformer,
}
