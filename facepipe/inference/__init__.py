"""ONNX Runtime sessions and model files whose hashes were checked."""
