"""Decoding: from the bytes of one file to the pixels in it, by the library that knows its format.

`reading.read` recognises the format and calls the one reader for it (`by_pillow`, `tiff`, `dicom`,
…); `rgb` and `colour` bring what it gives to upright 8-bit sRGB. Whatever fails is a
`RejectedImage`.
"""
