"""CAM++ (Wang et al., Interspeech 2023, arXiv:2303.00332) as an ONNX graph, drawn from the names in its checkpoint.

Its authors publish PyTorch weights. Drawn anew, the network runs on ONNX Runtime like the other models here, and no
machine needs PyTorch for it.
"""

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from deployments.speakers.checkpoint import Weights

BANDS = 80
"""Mel bands per frame."""
DIMENSIONS = 192
MAX_FRAMES = 200
"""The network adds up two contexts of a frame, the mean of everything and that of its 200 frames (100 after the
first layer, which halves them). Up to here they are one and the same, and longer windows mix speakers anyway."""
_BLOCKS = ((12, 1), (24, 2), (16, 2))
"""Layers and dilation of the dense blocks."""
_OPSET = 18


def build(weights: Weights) -> bytes:
    """A serialised model: ``features`` float32 (n, frames, 80) to ``embedding`` float32 (n, 192), not normalised.

    Raises:
        KeyError: the weights are not those of CAM++.
    """
    return _Graph(weights).draw().SerializeToString()


class _Graph:
    """Nodes in the order in which they are drawn. Methods take and give names of tensors."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights
        self._nodes: list[onnx.NodeProto] = []
        self._constants: dict[str, onnx.TensorProto] = {}

    def draw(self) -> onnx.ModelProto:
        x = self._op("Transpose", "features", perm=[0, 2, 1])
        x = self._op("Unsqueeze", x, self._constant("one_axis", np.array([1])))
        x = self._front(x)
        x = self._op("Reshape", x, self._constant("channels_by_time", np.array([0, 320, -1])))
        x = self._relu(self._norm(self._conv(x, "xvector.tdnn.linear", pad=2, stride=2), "xvector.tdnn.nonlinear"))
        for number, (layers, dilation) in enumerate(_BLOCKS, 1):
            for layer in range(1, layers + 1):
                new = self._dense_layer(x, f"xvector.block{number}.tdnnd{layer}", dilation)
                x = self._op("Concat", x, new, axis=1)
            transit = f"xvector.transit{number}"
            x = self._conv(self._relu(self._norm(x, f"{transit}.nonlinear")), f"{transit}.linear")
        x = self._statistics(self._relu(self._norm(x, "xvector.out_nonlinear")))
        x = self._norm(self._conv(x, "xvector.dense.linear"), "xvector.dense.nonlinear")
        self._op("Squeeze", x, self._constant("last_axis", np.array([2])), output="embedding")
        graph = helper.make_graph(
            self._nodes,
            "campplus",
            [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", "frames", BANDS])],
            [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", DIMENSIONS])],
            list(self._constants.values()),
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=9)

    def _front(self, x: str) -> str:
        """Two-dimensional residual convolutions over bands and time; bands shrink to an eighth, time stays."""
        x = self._relu(self._bn(self._conv(x, "head.conv1", pad=1), "head.bn1"))
        for name, stride in (("layer1.0", 2), ("layer1.1", 1), ("layer2.0", 2), ("layer2.1", 1)):
            block = f"head.{name}"
            y = self._relu(self._bn(self._conv(x, f"{block}.conv1", pad=1, stride=stride), f"{block}.bn1"))
            y = self._bn(self._conv(y, f"{block}.conv2", pad=1), f"{block}.bn2")
            if stride > 1:
                x = self._bn(self._conv(x, f"{block}.shortcut.0", stride=stride), f"{block}.shortcut.1")
            x = self._relu(self._op("Add", x, y))
        return self._relu(self._bn(self._conv(x, "head.conv2", pad=1, stride=2), "head.bn2"))

    def _dense_layer(self, x: str, name: str, dilation: int) -> str:
        """32 new channels: a convolution, masked by what the whole window has in it."""
        x = self._relu(self._norm(x, f"{name}.nonlinear1"))
        x = self._relu(self._norm(self._conv(x, f"{name}.linear1"), f"{name}.nonlinear2"))
        local = self._conv(x, f"{name}.cam_layer.linear_local", pad=dilation, dilation=dilation)
        mean = self._mean(x)
        hidden = self._relu(self._conv(self._op("Add", mean, mean), f"{name}.cam_layer.linear1"))
        mask = self._op("Sigmoid", self._conv(hidden, f"{name}.cam_layer.linear2"))
        return self._op("Mul", local, mask)

    def _statistics(self, x: str) -> str:
        """Mean and (unbiased) standard deviation over time."""
        mean = self._mean(x)
        apart = self._op("Sub", x, mean)
        squares = self._op("ReduceSum", self._op("Mul", apart, apart), self._time_axis(), keepdims=1)
        frames = self._op("Cast", self._op("Shape", x, start=2, end=3), to=TensorProto.FLOAT)
        others = self._op("Sub", frames, self._constant("one", np.array([1.0], np.float32)))
        return self._op("Concat", mean, self._op("Sqrt", self._op("Div", squares, others)), axis=1)

    def _mean(self, x: str) -> str:
        return self._op("ReduceMean", x, self._time_axis(), keepdims=1)

    def _relu(self, x: str) -> str:
        return self._op("Relu", x)

    def _norm(self, x: str, name: str) -> str:
        return self._bn(x, f"{name}.batchnorm")

    def _bn(self, x: str, name: str) -> str:
        variance = self._weights[f"{name}.running_var"]
        plain = {"weight": np.ones_like(variance), "bias": np.zeros_like(variance)}
        given = [self._constant(f"{name}.{p}", self._weights.get(f"{name}.{p}", plain[p])) for p in plain]
        seen = [self._weight(f"{name}.running_{p}") for p in ("mean", "var")]
        return self._op("BatchNormalization", x, *given, *seen, epsilon=1e-5)

    def _conv(self, x: str, name: str, pad: int = 0, stride: int = 1, dilation: int = 1) -> str:
        """Over time, or over bands and time; a stride over both goes over the bands only."""
        kernel = self._weights[f"{name}.weight"].shape[2:]
        bias = [self._weight(f"{name}.bias")] if f"{name}.bias" in self._weights else []
        both = len(kernel) == 2
        return self._op(
            *("Conv", x, self._weight(f"{name}.weight"), *bias),
            kernel_shape=list(kernel),
            pads=[pad] * (2 * len(kernel)),
            strides=[stride, 1] if both else [stride],
            dilations=[dilation] * len(kernel),
        )

    def _weight(self, name: str) -> str:
        return self._constant(name, self._weights[name])

    def _time_axis(self) -> str:
        return self._constant("time_axis", np.array([2]))

    def _constant(self, name: str, value: npt.NDArray[np.generic]) -> str:
        self._constants[name] = numpy_helper.from_array(value, name)
        return name

    def _op(self, kind: str, *inputs: str, output: str = "", **attributes: int | float | list[int]) -> str:
        output = output or f"{kind}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output
