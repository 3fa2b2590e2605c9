"""How synthesisers run on ONNX Runtime."""

from pathlib import Path

import onnxruntime


def session(model: Path, threads: int) -> onnxruntime.InferenceSession:
    """A CPU session whose threads sleep between calls.

    By default they spin for a while after each call, on the core that recognition needs: on two busy cores
    Piper took 0.38 s for a clause with spinning and 0.23 s without; Kokoro took the same time either way.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
