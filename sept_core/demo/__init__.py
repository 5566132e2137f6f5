"""The demo's data: generated images in visual families, as a pool and two target sets."""
