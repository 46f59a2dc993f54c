"""Int8 convolutions and matrix products: weights and activations, with ranges seen on rendered faces."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray

from facesdk.runtime.onnx_session import import_onnxruntime

F32 = NDArray[np.float32]
Feeds = Mapping[str, F32]
# A transposed convolution of int8 falls back to the reference kernel in OpenVINO 2026.4.
QUANTISED = ("Conv", "MatMul", "Gemm")


def calibrate_int8(model: onnx.ModelProto, batches: Iterable[Feeds], skip: Iterable[str] = ()) -> onnx.ModelProto:
    """A graph with QuantizeLinear and DequantizeLinear around its products.

    Args:
        model: a flat float32 graph; not changed.
        batches: inputs as the graph sees them in use; their ranges become the scales.
        skip: names of nodes that stay float32.

    Returns:
        A new graph with the same inputs and outputs: signed weights with a scale for each output channel, unsigned
        activations with one for each tensor.

    Source: onnxruntime.ai/docs/performance/model-optimizations/quantization.html, static quantization, QDQ.
    """
    import_onnxruntime()  # first, so that it starts without its telemetry
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Rows(CalibrationDataReader):  # type: ignore[misc]
        """Hands batches out one by one, as the calibrator asks for them."""

        def __init__(self) -> None:
            self._rest: Iterator[Feeds] = iter(batches)

        def get_next(self) -> dict[str, F32] | None:
            batch = next(self._rest, None)
            return None if batch is None else dict(batch)

    with tempfile.TemporaryDirectory(prefix="facesdk-int8-") as name:
        source, target = Path(name) / "float32.onnx", Path(name) / "int8.onnx"
        onnx.save_model(model, source)
        level = logging.getLogger().level
        logging.getLogger().setLevel(logging.ERROR)
        try:
            quantize_static(
                source,
                target,
                Rows(),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=list(QUANTISED),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=list(skip),
                calibrate_method=CalibrationMethod.MinMax,
                calibration_providers=["CPUExecutionProvider"],
            )
        finally:
            logging.getLogger().setLevel(level)
        return onnx.load(target)
