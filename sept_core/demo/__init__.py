"""The demo's data: drawn images in visual families, laid out as a pool and two target sets."""
