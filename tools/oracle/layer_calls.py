"""The calls that record_layers.py puts to torch.nn, as they would stand in a layer spec."""

from __future__ import annotations

# For each kind: calls to begin with, and for each further argument the values to try. Recorded are
# the calls as they stand, with each value, with each pair of values of two arguments, and with the
# first value of all of them.
AXES = {
    1: ["(4,)", "[4]"],
    2: ["(3, 5)", "[5, 3]"],
    3: ["(3, 5, 7)", "[7, 5, 3]"],
}


def conv(axes: int) -> tuple[list[str], list[list[str]]]:
    """The calls of ConvNd."""
    kernels = ["3", *AXES[axes]]
    calls = [f"4, 8, {kernel}" for kernel in kernels]
    calls += ["in_channels=4, out_channels=8, kernel_size=1", "6, 6, 1, 2, 1, 1, 3, False"]
    return calls, [
        ["stride=2", f"stride={AXES[axes][0]}"],
        ["padding=0", "padding=1", "padding='valid'", f"padding={AXES[axes][0]}"],
        ["dilation=2", f"dilation={AXES[axes][0]}"],
        ["groups=2", "groups=4"],
        ["bias=False"],
        ["padding_mode='circular'", "padding_mode='reflect'", "padding_mode='replicate'"],
    ]


def conv_transpose(axes: int) -> tuple[list[str], list[list[str]]]:
    """The calls of ConvTransposeNd."""
    calls = [f"4, 8, {kernel}" for kernel in ["3", *AXES[axes]]] + ["4, 8, 3, 1, 0, 0, 2, False, 2"]
    return calls, [
        ["stride=2", f"stride={AXES[axes][0]}"],
        ["padding=1"],
        ["output_padding=1", f"output_padding={AXES[axes][0]}"],
        ["groups=2", "groups=4"],
        ["bias=False"],
        ["dilation=2"],
        ["padding_mode='zeros'"],
    ]


BATCH_NORM = (
    ["16", "num_features=1", "16, 1e-3, 0.2, False, False", "16, 1e-3, None, True, False"],
    [
        ["affine=False", "affine=True"],
        ["track_running_stats=False", "track_running_stats=True"],
        ["bias=False"],
        ["momentum=None"],
        ["eps=1e-3"],
    ],
)
RECURRENT: list[list[str]] = [
    ["num_layers=2", "num_layers=3"],
    ["bidirectional=True"],
    ["bias=False"],
    ["batch_first=True"],
]
DROPOUT = [["dropout=0.5", "dropout=0", "dropout=1"]]
TRANSFORMER_LAYER = (
    ["16, 2", "d_model=16, nhead=4, dim_feedforward=8", "16, 2, 32, 0.0, 'gelu'"],
    [
        ["dim_feedforward=24"],
        ["bias=False"],
        ["norm_first=True"],
        ["batch_first=True"],
        ["activation='gelu'", "activation='relu'"],
        ["layer_norm_eps=1e-6"],
        ["dropout=0.0"],
    ],
)

ACCEPTED: dict[str, tuple[list[str], list[list[str]]]] = {
    "Linear": (
        ["10, 20", "1, 1", "in_features=10, out_features=20", "10, 20, False", "128256, 16384"],
        [["bias=False", "bias=True", "bias=None", "bias=0", "bias=1"]],
    ),
    "NonDynamicallyQuantizableLinear": (["10, 20"], [["bias=False"]]),
    "Bilinear": (["3, 4, 5", "in1_features=3, in2_features=4, out_features=1"], [["bias=False"]]),
    "Embedding": (
        ["10, 3", "num_embeddings=10, embedding_dim=3", "10, 3, 0"],
        [
            ["padding_idx=0", "padding_idx=9", "padding_idx=-1", "padding_idx=-10"],
            ["max_norm=1.0"],
            ["sparse=True"],
            ["scale_grad_by_freq=True"],
            ["norm_type=1.0"],
            ["_freeze=True"],
        ],
    ),
    "EmbeddingBag": (
        ["10, 3", "num_embeddings=10, embedding_dim=3"],
        [
            ["padding_idx=0", "padding_idx=-10"],
            ["mode='sum'"],
            ["max_norm=1.0"],
            ["include_last_offset=True"],
            ["sparse=True"],
        ],
    ),
    **{f"Conv{axes}d": conv(axes) for axes in AXES},
    **{f"ConvTranspose{axes}d": conv_transpose(axes) for axes in AXES},
    "BatchNorm1d": BATCH_NORM,
    "BatchNorm2d": BATCH_NORM,
    "BatchNorm3d": BATCH_NORM,
    "SyncBatchNorm": BATCH_NORM,
    "InstanceNorm1d": BATCH_NORM,
    "InstanceNorm2d": BATCH_NORM,
    "InstanceNorm3d": BATCH_NORM,
    "GroupNorm": (
        ["2, 16", "16, 16", "num_groups=1, num_channels=16", "4, 16, 1e-3, False"],
        [["affine=False", "affine=True"], ["bias=False"], ["eps=1e-3"]],
    ),
    "LayerNorm": (
        ["16", "[16]", "(16,)", "[4, 5]", "(4, 5, 6)", "16, 1e-6, True, False"],
        [["elementwise_affine=False"], ["bias=False"], ["eps=1e-6"]],
    ),
    "RMSNorm": (
        ["16", "[16]", "[4, 5]", "(4, 5, 6)", "16, 1e-6, False", "16, None"],
        [["elementwise_affine=False"], ["eps=1e-6", "eps=None"]],
    ),
    "RNN": (
        ["10, 20", "10, 20, 2, 'relu', False, True, 0.0, True", "input_size=1, hidden_size=1"],
        [*RECURRENT, *DROPOUT, ["nonlinearity='relu'", "nonlinearity='tanh'"]],
    ),
    "LSTM": (
        ["10, 20", "10, 20, 2, False, True, 0.0, True, 5", "input_size=7, hidden_size=3"],
        [*RECURRENT, *DROPOUT, ["proj_size=2", "proj_size=1", "proj_size=0"]],
    ),
    "GRU": (
        ["10, 20", "10, 20, 2, False, True, 0.0, True", "input_size=1, hidden_size=1"],
        [*RECURRENT, *DROPOUT],
    ),
    "RNNCell": (["10, 20", "10, 20, True, 'relu'"], [["bias=False"], ["nonlinearity='relu'"]]),
    "LSTMCell": (["10, 20", "input_size=1, hidden_size=1"], [["bias=False"]]),
    "GRUCell": (["10, 20", "10, 20, False"], [["bias=False"]]),
    "MultiheadAttention": (
        ["16, 4", "embed_dim=16, num_heads=1", "16, 16", "16, 4, 0.1, True, True, True, 8, 12"],
        [
            ["kdim=8", "kdim=16"],
            ["vdim=12", "vdim=16"],
            ["bias=False"],
            ["add_bias_kv=True"],
            ["add_zero_attn=True"],
            ["batch_first=True"],
            ["dropout=0.1"],
        ],
    ),
    "TransformerEncoderLayer": TRANSFORMER_LAYER,
    "TransformerDecoderLayer": TRANSFORMER_LAYER,
    "Transformer": (
        ["", "16, 2, 1, 1, 8", "d_model=16, nhead=4, dim_feedforward=8", "16, 2, 0, 0"],
        [
            ["num_encoder_layers=2", "num_encoder_layers=0"],
            ["num_decoder_layers=3", "num_decoder_layers=0"],
            ["bias=False"],
            ["norm_first=True"],
        ],
    ),
    "PReLU": (["", "1", "16", "num_parameters=3, init=0.1"], []),
    "AdaptiveLogSoftmaxWithLoss": (
        ["64, 1000, [10, 100]", "64, 1000, (10,)", "in_features=64, n_classes=3, cutoffs=[1, 2]"],
        [
            ["div_value=2.0", "div_value=2", "div_value=2.5", "div_value=1000.0", "div_value=0.5"],
            ["head_bias=True"],
        ],
    ),
    "LinearCrossEntropyLoss": (
        ["10, 20", "in_features=10, num_classes=20"],
        [
            ["bias=True"],
            ["out_features=(3,)", "out_features=(3, 4)", "out_features=()"],
            ["reduction='sum'"],
            ["label_smoothing=0.1"],
            ["ignore_index=-100"],
        ],
    ),
}

# Calls that torch refuses; the script stops if it takes one of them.
REFUSED = """
Linear()
Linear(10)
Linear(10, 20, True, None, None, 1)
Linear(10, 20, in_features=10)
Linear(10, 20, bais=False)
Linear(10.0, 20)
Linear(10, -20)
Linear('10', 20)
Linear(10, None)
Linear([10], 20)
Linear(10000000000, 10000000000)
Bilinear(3, 4)
Bilinear(3, 4, -5)
Bilinear(3, 4.5, 5)
Embedding(10)
Embedding(-10, 3)
Embedding(10, 3.0)
Embedding(10, 3, padding_idx=10)
Embedding(10, 3, padding_idx=-11)
EmbeddingBag(10, 3, padding_idx=10)
EmbeddingBag(10, 3, padding_idx=-11)
Conv1d(4, 8)
Conv2d(4, 8, 3, groups=3)
Conv2d(4, 6, 3, groups=4)
Conv2d(6, 4, 3, groups=4)
Conv2d(4, 8, 3, groups=0)
Conv2d(4, 8, 3, groups=-2)
Conv2d(4, 8, 3, padding='full')
Conv2d(4, 8, 3, padding='same', stride=2)
Conv2d(4, 8, 3, padding='same', stride=(1, 2))
Conv2d(4, 8, 3, padding_mode='mirror')
Conv2d(4, 8, -3)
Conv2d(4, 8, 3.5)
Conv2d(4, 8, None)
Conv2d(4, 8, '3')
Conv2d(4.0, 8, 3)
Conv2d(4, 8, kernel=3)
Conv3d(4, 8, (1, 2, -3))
ConvTranspose1d(4, 8, 3, groups=3)
ConvTranspose2d(4, 8, 3, padding_mode='circular')
ConvTranspose2d(4, 8, 3, groups=0)
ConvTranspose3d(6, 8, 3, groups=4)
BatchNorm1d()
BatchNorm2d(-16)
BatchNorm2d(16.0)
BatchNorm2d('16')
BatchNorm2d(16, 1e-5, 0.1, True, True, None, None, True)
InstanceNorm2d(-16, affine=True)
GroupNorm(3, 16)
GroupNorm(0, 16)
GroupNorm(16)
GroupNorm(2, 16.0)
LayerNorm()
LayerNorm(16.0)
LayerNorm('16')
LayerNorm(None)
LayerNorm(-16)
LayerNorm([16, -1])
RMSNorm(16, bias=True)
RMSNorm(16.5)
RMSNorm(None)
RNN(10, 20, nonlinearity='gelu')
RNN(10, 20, 2, 'sigmoid')
RNN(10, 20, proj_size=5)
RNN(0, 20)
RNN(10, 0)
RNN(10, 20, num_layers=0)
RNN(10, 20, dropout=1.5)
RNN(10, 20, dropout=True)
LSTM(10)
LSTM(10, 20, num_layers=-1)
LSTM(10, 20, proj_size=20)
LSTM(10, 20, proj_size=21)
LSTM(10, 20, proj_size=-1)
LSTM(10, 20, dropout=-0.5)
LSTM(10, 20, dropout='0.5')
LSTM(10, 20, bias=1)
LSTM(10, 20, bias=None)
LSTM(10, 20, batch_first=0)
LSTM(10.0, 20)
LSTM(10, 20.0)
LSTM(10, 20, num_layers=2.0)
LSTM(-1, 20)
GRU(10, 20, proj_size=5)
GRU(10, -20)
GRU(10, 20, bias='yes')
RNNCell(10)
RNNCell(10, -20)
LSTMCell(10.5, 20)
LSTMCell(10, 20, True, None, None, 4)
GRUCell(-10, 20)
MultiheadAttention(16)
MultiheadAttention(16, 3)
MultiheadAttention(16, 0)
MultiheadAttention(0, 1)
MultiheadAttention(-16, 4)
MultiheadAttention(16, -4)
MultiheadAttention(16, 32)
MultiheadAttention(16.0, 4)
MultiheadAttention(16, 4, kdim=-8)
TransformerEncoderLayer(16)
TransformerEncoderLayer(16, 3)
TransformerEncoderLayer(16, 2, dropout=1.5)
TransformerEncoderLayer(16, 2, activation='silu')
TransformerEncoderLayer(16, 2, dim_feedforward=-1)
TransformerDecoderLayer(16, 3)
TransformerDecoderLayer(16, 2, activation='tanh')
Transformer(16, 3)
Transformer(16, 2, dropout=-1)
Transformer(16, 2, activation='tanh')
PReLU(-1)
PReLU(1.5)
AdaptiveLogSoftmaxWithLoss(64, 1000)
AdaptiveLogSoftmaxWithLoss(64, 1000, [])
AdaptiveLogSoftmaxWithLoss(64, 1000, 10)
AdaptiveLogSoftmaxWithLoss(64, 1000, [100, 10])
AdaptiveLogSoftmaxWithLoss(64, 1000, [10, 10])
AdaptiveLogSoftmaxWithLoss(64, 1000, [0, 10])
AdaptiveLogSoftmaxWithLoss(64, 1000, [1000])
AdaptiveLogSoftmaxWithLoss(64, 1000, [10.5])
AdaptiveLogSoftmaxWithLoss(64, 1000, [10], div_value=0.0)
AdaptiveLogSoftmaxWithLoss(64, 1000, [10], div_value=-2.0)
LinearCrossEntropyLoss(10)
LinearCrossEntropyLoss(10, 20, (3,))
LinearCrossEntropyLoss(10, -20)
LinearCrossEntropyLoss(10, 20, label_smoothing=2.0)
"""

# Calls that torch builds though nobody means them, or that it fails on only when it runs them.
# A calculator does better to refuse; the script stops if torch begins to refuse one too.
BUILT_BUT_MEANT_BY_NOBODY = """
Linear(0, 20)
Linear(10, 0)
Linear(True, 20)
Linear(10, 20, 30)
Linear(10, 20, bias='False')
Bilinear(3, 4, 0)
Embedding(10, 0)
Conv2d(4, 0, 3)
Conv2d(4, 8, (3, 3, 3))
Conv2d(4, 8, (3,))
Conv1d(4, 8, (3, 3))
Conv2d(4, 8, 3, stride=0)
Conv2d(4, 8, 3, padding=-1)
Conv2d(4, 8, 3, dilation=0)
Conv2d(4, 8, 3, stride=1.5)
ConvTranspose2d(4, 8, 3, padding='same')
ConvTranspose2d(4, 8, (3, 3, 3))
BatchNorm2d(0)
InstanceNorm2d(-16)
GroupNorm(-2, 16)
LayerNorm(0)
LayerNorm([])
RMSNorm([])
RMSNorm(0)
RNNCell(10, 20, nonlinearity='gelu')
LSTMCell(10, 0)
MultiheadAttention(16, 4, kdim=0)
TransformerEncoderLayer(16, 2, dim_feedforward=0)
TransformerEncoderLayer(16, 2, activation=None)
Transformer(16, 2, num_encoder_layers=-1)
PReLU(0)
AdaptiveLogSoftmaxWithLoss(0, 1000, [10])
AdaptiveLogSoftmaxWithLoss(64, 1000, [10], div_value=True)
"""

# Classes without tensors that cannot be built without arguments.
ARGUMENTS = {
    "ChannelShuffle": "2",
    "CrossMapLRN2d": "3",
    "FractionalMaxPool2d": "3, output_size=2",
    "FractionalMaxPool3d": "3, output_size=2",
    "Fold": "4, 2",
    "LPPool1d": "2, 3",
    "LPPool2d": "2, 3",
    "LPPool3d": "2, 3",
    "Threshold": "0.1, 20",
    "Unflatten": "1, (2, 3)",
    "ConstantPad1d": "1, 0.0",
    "ConstantPad2d": "1, 0.0",
    "ConstantPad3d": "1, 0.0",
}
# Classes that hold other modules, that are bases, or that learn their sizes when they run.
NOT_A_CALL = frozenset(
    """
    Container DataParallel Module ModuleDict ModuleList ParameterDict ParameterList RNNBase
    RNNCellBase Sequential TransformerDecoder TransformerEncoder
    """.split()  # noqa: SIM905 - as in the package
)
