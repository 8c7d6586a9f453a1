"""Lets `python -m tide_chat` do what `tide-chat` does."""

from tide_chat.cli import main

if __name__ == "__main__":
    main()
