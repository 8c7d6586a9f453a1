"""The language model behind one small protocol; the only place that imports llama_cpp."""
