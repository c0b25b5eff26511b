"""Faces to identity model to adapter to ONNX. The only room that knows torch."""
