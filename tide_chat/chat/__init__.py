"""The companion: prompt, stance, guard and engine put together, turn by turn."""
