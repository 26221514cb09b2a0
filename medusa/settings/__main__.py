"""Prints the page of documentation about the settings."""

import sys

from medusa.settings.page import page

if __name__ == "__main__":
    sys.stdout.write(page())
