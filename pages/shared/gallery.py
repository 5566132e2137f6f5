"""A wrapping row of thumbnails, each linked to the full image."""

import html
from collections.abc import Sequence

import streamlit as st

from pages.shared import state

SHOWN = 60
"""The most images drawn; the review grid, which is virtual, shows more."""

_STYLE = """<style>
.sept-gallery {display: flex; flex-wrap: wrap; gap: 8px; overflow-y: auto}
.sept-gallery a {display: block; width: 104px; border-radius: 6px; text-decoration: none;
  color: inherit !important}
.sept-gallery a:focus-visible {outline: 2px solid var(--st-primary-color, currentColor);
  outline-offset: 2px}
.sept-gallery img {width: 104px; height: 104px; object-fit: cover; border-radius: 6px;
  background: color-mix(in srgb, currentColor 8%, transparent); display: block}
.sept-gallery span {display: block; font-size: 11px; line-height: 1.35; opacity: .75;
  color: inherit; overflow: hidden; text-overflow: ellipsis; white-space: nowrap}
</style>"""


def draw(
    uids: Sequence[str], captions: Sequence[str] | None = None, *, height: int | None = None
) -> None:
    """Draw the images of some uids, at most `SHOWN`, and the total if there are more.

    Args:
        uids: 32 hex digits each.
        captions: a few words for each image.
        height: in pixels; a higher row scrolls.
    """
    texts = captions or [""] * len(uids)
    figures = "".join(
        _figure(uid, caption) for uid, caption in zip(uids[:SHOWN], texts[:SHOWN], strict=True)
    )
    limit = f' style="max-height: {height}px"' if height else ""
    st.html(f'{_STYLE}<div class="sept-gallery"{limit}>{figures}</div>')
    if len(uids) > SHOWN:
        st.caption(f"{SHOWN} of {len(uids):,} images shown.")


def text(value: str) -> str:
    """Return a value escaped for HTML, so that markup in names stays text."""
    return html.escape(value, quote=True)


def _figure(uid: str, caption: str) -> str:
    title = text(caption)
    image, thumbnail = state.url(f"/images/{uid}"), state.url(f"/thumbnails/{uid}")
    label = f"<span>{title}</span>" if title else ""
    return (
        f'<a href="{html.escape(image)}" target="_blank" rel="noopener noreferrer" title="{title}">'
        f'<img src="{html.escape(thumbnail)}" alt="{title or "image"}" loading="lazy">{label}</a>'
    )
