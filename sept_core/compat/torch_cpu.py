"""CPU capabilities, which torch exposes only through private functions."""

import torch


def multiplies_bf16() -> bool:
    """Return whether this CPU multiplies bf16 natively (AMX or AVX512-BF16)."""
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
