"""The safety layer: reads every message first and every reply last."""
