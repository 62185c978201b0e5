"""OpenVINO without its reports of use: `from retrieval_predictor.runners.silent import openvino`.

Its converter sends what it converted to its makers through `openvino_telemetry`, unless it does not
find that package (openvino.tools.ovc.telemetry_utils).
"""

from __future__ import annotations

import importlib
import sys
from typing import Any

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]

openvino: Any = importlib.import_module("openvino")
