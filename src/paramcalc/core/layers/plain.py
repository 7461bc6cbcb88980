"""Layers that own no tensor, and classes of torch.nn that no spec writes as a call."""

from __future__ import annotations

WITHOUT_TENSORS = frozenset(
    """
    AdaptiveAvgPool1d AdaptiveAvgPool2d AdaptiveAvgPool3d AdaptiveMaxPool1d AdaptiveMaxPool2d
    AdaptiveMaxPool3d AlphaDropout AvgPool1d AvgPool2d AvgPool3d BCELoss BCEWithLogitsLoss CELU
    CTCLoss ChannelShuffle CircularPad1d CircularPad2d CircularPad3d ConstantPad1d ConstantPad2d
    ConstantPad3d CosineEmbeddingLoss CosineSimilarity CrossEntropyLoss CrossMapLRN2d Dropout
    Dropout1d Dropout2d Dropout3d ELU FeatureAlphaDropout Flatten Fold FractionalMaxPool2d
    FractionalMaxPool3d GELU GLU GaussianNLLLoss Hardshrink Hardsigmoid Hardswish Hardtanh
    HingeEmbeddingLoss HuberLoss Identity KLDivLoss L1Loss LPPool1d LPPool2d LPPool3d LeakyReLU
    LocalResponseNorm LogSigmoid LogSoftmax MSELoss MarginRankingLoss MaxPool1d MaxPool2d MaxPool3d
    MaxUnpool1d MaxUnpool2d MaxUnpool3d Mish MultiLabelMarginLoss MultiLabelSoftMarginLoss
    MultiMarginLoss NLLLoss NLLLoss2d PairwiseDistance PixelShuffle PixelUnshuffle PoissonNLLLoss
    RReLU ReLU ReLU6 ReflectionPad1d ReflectionPad2d ReflectionPad3d ReplicationPad1d
    ReplicationPad2d ReplicationPad3d SELU SiLU Sigmoid SmoothL1Loss SoftMarginLoss Softmax
    Softmax2d Softmin Softplus Softshrink Softsign Tanh Tanhshrink Threshold TripletMarginLoss
    TripletMarginWithDistanceLoss Unflatten Unfold Upsample UpsamplingBilinear2d
    UpsamplingNearest2d ZeroPad1d ZeroPad2d ZeroPad3d
    """.split()  # noqa: SIM905 - a paragraph of names reads better than a column
)
"""Classes of torch.nn that are accepted with any arguments and give no slot."""

_KEYS = "write the modules that it holds as keys under its name"

NOT_A_CALL = {
    "Module": _KEYS,
    "Container": _KEYS,
    "Sequential": f"{_KEYS}: 0, 1, 2, …",
    "ModuleList": "write a repeated module, `name[n]: …`",
    "ModuleDict": _KEYS,
    "ParameterList": "write `name[n]: Parameter(…)`",
    "ParameterDict": "write each as `key: Parameter(…)` under its name",
    "DataParallel": "write the module that it wraps under the key `module`",
    "TransformerEncoder": "write `layers[n]: TransformerEncoderLayer(…)` under its name",
    "TransformerDecoder": "write `layers[n]: TransformerDecoderLayer(…)` under its name",
    "RNNBase": "write RNN, LSTM or GRU",
    "RNNCellBase": "write RNNCell, LSTMCell or GRUCell",
}
"""Classes of torch.nn that hold modules or are bases, and what a spec writes instead."""
