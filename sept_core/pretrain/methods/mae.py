"""MAE (He et al. 2022): reconstruct an image from a quarter of its patches.

In: one batch of views. Out: the loss and the backbone's features of the visible patches.
Only for vision transformers.
"""

from lightly.models import utils
from lightly.models.modules.masked_vision_transformer_decoder_timm import (
    MaskedVisionTransformerDecoderTIMM,
)
from torch import Tensor, nn
from torch.nn import functional as F

from sept_core.pretrain.methods import transformers
from sept_core.pretrain.methods.method import Method
from sept_core.pretrain.settings import PretrainSettings

MASKED = 0.75
DECODER_HEADS = 8


class MAE(Method):
    """A transformer that sees the visible patches, and a light decoder for all of them."""

    views = 1

    def __init__(self, backbone: nn.Module, dim: int, settings: PretrainSettings) -> None:
        """Add a decoder of four blocks.

        Raises:
            InputError: the backbone is not a vision transformer.
        """
        super().__init__(backbone, dim, settings)
        drawn = "skip" if settings.init else ""  # lightly draws new weights, over trained ones too
        self.masked = transformers.masked(backbone, settings, drawn, drawn or "sincos")
        self.masked.mask_token.requires_grad_(False)  # the encoder sees only visible patches
        vit = self.masked.vit
        self.patch = int(vit.patch_embed.patch_size[0])
        width = max(64, dim // 2 // (2 * DECODER_HEADS) * 2 * DECODER_HEADS)
        self.embed = nn.Linear(dim, width)
        self.decoder = MaskedVisionTransformerDecoderTIMM(
            num_patches=vit.patch_embed.num_patches,
            embed_dim=width,
            depth=4,
            num_heads=DECODER_HEADS,
            num_prefix_tokens=vit.num_prefix_tokens,
        )
        self.draw = nn.Linear(width, 3 * self.patch**2)

    def forward(self, views: list[Tensor]) -> tuple[Tensor, Tensor]:
        """Map one batch (B, 3, H, W) to the loss on hidden patches and the features (B, D).

        Each patch is normalised by its own mean and deviation before it is compared (§4).
        """
        (images,) = views
        length = self.masked.sequence_length
        keep, hidden = utils.random_token_mask((len(images), length), MASKED, device=images.device)
        tokens = self.masked.encode(images, idx_keep=keep)
        drawn = self._draw(tokens, keep, hidden, length)
        prefix = self.masked.vit.num_prefix_tokens
        patches = utils.get_at_index(utils.patchify(images, self.patch), hidden - prefix)
        wanted = utils.normalize_mean_var(patches.float())
        return F.mse_loss(drawn.float(), wanted), tokens[:, prefix:].mean(1)

    def _draw(self, tokens: Tensor, keep: Tensor, hidden: Tensor, length: int) -> Tensor:
        """Return (B, hidden patches, 3·patch²): the decoder's prediction of the hidden patches."""
        embedded = self.embed(tokens)
        blank = utils.repeat_token(self.decoder.mask_token, (len(tokens), length))
        sequence = utils.set_at_index(blank.type_as(embedded), keep, embedded)
        drawn: Tensor = self.draw(utils.get_at_index(self.decoder(sequence), hidden))
        return drawn
