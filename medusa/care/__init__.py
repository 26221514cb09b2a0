"""What becomes of the owner's data: taking them out and in, keeping them for a while, erasing them, changing keys."""
