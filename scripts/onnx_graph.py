"""Building an ONNX graph node by node."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from onnx import helper, numpy_helper

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray


@dataclass(slots=True)
class OnnxGraph:
    """The nodes and constants of a graph; each method adds one and returns its name."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)

    def add(self, operator: str, *inputs: str, output: str = "", **attributes: Any) -> str:
        """Add one operation."""
        name = output or f"{operator}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def keep(self, numbers: NDArray[Any]) -> str:
        """Add a constant."""
        name = f"kept{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(numbers, name))
        return name
