"""Append operators to a TensorFlow Lite graph: the only place that knows its flatbuffer schema.

MediaPipe ships the schema's Python reader and writer (Apache-2.0); one tensor or operator is
added at a time, and `packed` gives the same bytes for the same edits.
"""

from typing import Any

import flatbuffers
import numpy as np
from mediapipe.tasks.metadata import metadata_schema_py_generated as metadata
from mediapipe.tasks.metadata import schema_py_generated as schema
from numpy.typing import NDArray

_FLOAT, _INT = 0, 2


class TfliteGraph:
    """A graph that can be added to; tensors are known by their number."""

    def __init__(self, content: bytes) -> None:
        self._model: Any = schema.ModelT.InitFromPackedBuf(content)
        self._graph: Any = self._model.subgraphs[0]

    @property
    def outputs(self) -> list[int]:
        """The graph's output tensors, in order."""
        return [int(tensor) for tensor in self._graph.outputs]

    def constant(self, values: NDArray[Any]) -> int:
        """A tensor that always holds `values`: float32, or int32 for indices and shapes."""
        kind, dtype = (_FLOAT, "<f4") if values.dtype.kind == "f" else (_INT, "<i4")
        buffer: Any = schema.BufferT()
        buffer.data = np.frombuffer(values.astype(dtype).tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        return self._tensor(values.shape, kind, len(self._model.buffers) - 1)

    def concatenate(self, tensors: list[int], length: int) -> int:
        """`(length,)`: one-dimensional tensors end to end."""
        return self._apply("CONCATENATION", tensors, (length,), "ConcatenationOptions", axis=0)

    def gather(self, tensor: int, indices: NDArray[np.int64]) -> int:
        """The elements of a one-dimensional tensor at `indices`, in their shape."""
        inputs = [tensor, self.constant(indices)]
        return self._apply("GATHER", inputs, indices.shape, "GatherOptions", axis=0)

    def row_means(self, tensor: int, rows: int) -> int:
        """`(rows,)`: the mean of each row of a two-dimensional tensor."""
        inputs = [tensor, self.constant(np.array([1]))]
        return self._apply("MEAN", inputs, (rows,), "ReducerOptions", keepDims=False)

    def reshape(self, tensor: int, shape: tuple[int, ...]) -> int:
        """The same elements in another shape."""
        inputs = [tensor, self.constant(np.array(shape))]
        return self._apply("RESHAPE", inputs, shape, "ReshapeOptions", newShape=list(shape))

    def sigmoid(self, tensor: int) -> int:
        """The logistic function of a `(1,)` tensor."""
        return self._apply("LOGISTIC", [tensor], (1,), "")

    def times(self, one: int, other: int) -> int:
        """The product of two `(1,)` tensors."""
        return self._apply("MUL", [one, other], (1,), "MulOptions")

    def plus(self, one: int, other: int) -> int:
        """The sum of two `(1,)` tensors."""
        return self._apply("ADD", [one, other], (1,), "AddOptions")

    def packed(self, outputs: list[int]) -> bytes:
        """The edited model as a flatbuffer, with `outputs` for outputs."""
        self._graph.outputs = outputs
        self._trim_output_metadata(len(outputs))
        builder = flatbuffers.Builder(1 << 20)
        builder.Finish(self._model.Pack(builder), b"TFL3")
        return bytes(builder.Output())

    def _tensor(self, shape: tuple[int, ...], kind: int = _FLOAT, buffer: int = 0) -> int:
        tensor: Any = schema.TensorT()
        tensor.name = f"facepipe_{len(self._graph.tensors)}"
        tensor.shape, tensor.type, tensor.buffer = list(shape), kind, buffer
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1

    def _apply(
        self, name: str, inputs: list[int], shape: tuple[int, ...], options: str, **values: object
    ) -> int:
        output = self._tensor(shape)
        operator: Any = schema.OperatorT()
        operator.opcodeIndex = self._operator_code(getattr(schema.BuiltinOperator, name))
        operator.inputs, operator.outputs = inputs, [output]
        if options:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            operator.builtinOptions = getattr(schema, f"{options}T")()
            for key, value in values.items():
                setattr(operator.builtinOptions, key, value)
        self._graph.operators.append(operator)
        return output

    def _operator_code(self, builtin: int) -> int:
        code: Any = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = builtin
        code.version = 1
        self._model.operatorCodes.append(code)
        return len(self._model.operatorCodes) - 1

    def _trim_output_metadata(self, count: int) -> None:
        """Keep as many output descriptions as there are outputs: the Tasks graph compares them."""
        for entry in self._model.metadata:
            if entry.name != b"TFLITE_METADATA":
                continue
            buffer = self._model.buffers[entry.buffer]
            record: Any = metadata.ModelMetadataT.InitFromPackedBuf(bytes(buffer.data), 0)
            graph = record.subgraphMetadata[0]
            if graph.outputTensorMetadata:
                graph.outputTensorMetadata = graph.outputTensorMetadata[:count]
            builder = flatbuffers.Builder(1024)
            builder.Finish(record.Pack(builder), b"M001")
            buffer.data = np.frombuffer(bytes(builder.Output()), np.uint8)
