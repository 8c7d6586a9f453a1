"""The terminal interface: a calm screen in Textual and a plain line mode.

`textual` is imported by the modules of the screen alone; the line mode never needs it.
"""
