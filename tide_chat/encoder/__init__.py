"""Sentence vectors: onnxruntime at chat time, sentence-transformers at set-up."""
