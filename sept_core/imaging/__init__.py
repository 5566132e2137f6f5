"""Imaging: from the bytes of one file to upright 8-bit pixels, or to the reason why not."""
