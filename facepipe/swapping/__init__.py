"""Put a profile's face into frames: swap, blend, encode, report. ONNX only."""
