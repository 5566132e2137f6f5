"""The card of a data set on the Hugging Face hub: `README.md` with configurations and provenance.

In: a manifest and the files of the export. Out: Markdown with a YAML header, without absolute paths
and names of reviewers; the licence is left to the person who publishes.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sept_core.manifest import manifest, provenance
from sept_core.wording import paths

SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (10**6, "100K<n<1M"))
"""The hub's categories of sizes below a number of rows."""

_TEXT = """
# {title}

{count:,} images that SEPT selected from a pool of {pool} unlabelled images{targets}. {guard}

**Before you publish:** set `license` in the header of this file, and describe where the images come
from and which rights they carry.

```python
from datasets import load_dataset

dataset = load_dataset("OWNER/NAME", split="train")  # or the path of this folder
```

To upload it: `hf upload OWNER/NAME . --repo-type dataset` in this folder.

## Columns

| column | meaning |
| --- | --- |
| `image` | the image, in its original bytes |
{label}| `uid`, `sha256` | hash of the bytes (`uid`: its first 32 digits) |
| `source`, `source_uid`, `rel_path`, `shard`, `key` | where the pool has the image |
| `width`, `height`, `n_locations` | size in pixels; number of places with the same bytes |
| `target_uid`, `target_rank`, `similarity` | the target that retrieved the image; rank and cosine |
| `n_targets` | number of targets that retrieved it |
| `phase`, `decision`, `reason` | step of the selection; a reviewer's decision and its reason |
| `dup_group`, `leak_distance` | near-duplicates; distance to the nearest held-out image |
| `encoder_id`, `index_id` | how similarity was computed |

## Provenance

| | |
| --- | --- |
{facts}
"""

_LABEL = "| `target_label` | class of the target that retrieved the image, not what it shows |\n"


def text(opened: manifest.Manifest, files: Sequence[str], classes: Sequence[str]) -> str:
    """Return the card.

    Args:
        opened: the manifest of the export.
        files: patterns of the files of the split.
        classes: labels of the targets, in the order of their numbers.
    """
    header = opened.header
    targets = [str(name) for name in header.get("targets", [])]
    title = f"{len(opened):,} images" + (f" for {', '.join(targets)}" if targets else "")
    body = _TEXT.format(
        title=_plain(title),
        count=len(opened),
        pool=provenance.count(provenance.part(header, "counts").get("pool")),
        targets=" " + _plain(f"for {', '.join(targets)}") if targets else "",
        guard=_guard(provenance.part(header, "guard")),
        label=_LABEL if classes else "",
        facts="\n".join(
            f"| {name} | {_plain(value)} |" for name, value in provenance.facts(header)
        ),
    )
    return f"---\n{_yaml(title, len(opened), files)}---\n{body}"


def _yaml(title: str, count: int, files: Sequence[str]) -> str:
    size = next((name for most, name in SIZES if count < most), "n>1M")
    lines = [
        "# license: fill in, such as cc-by-4.0",
        f"pretty_name: {json.dumps(title)}",
        f"size_categories: [{json.dumps(size)}]",
        "tags: [sept, image, curated]",
        "configs:",
        "- config_name: default",
        "  data_files:",
        "  - split: train",
        "    path:" + ("" if len(files) > 1 else f" {json.dumps(files[0])}"),
        *(f"    - {json.dumps(name)}" for name in files if len(files) > 1),
    ]
    return "\n".join(lines) + "\n"


def _guard(guard: Mapping[str, Any]) -> str:
    if not provenance.is_on(guard):
        return "The contamination guard was not active."
    return (
        f"None of them is a near-duplicate of one of the "
        f"{provenance.count(guard.get('heldout_images'))} held-out images of the targets."
    )


def _plain(text: str) -> str:
    """Return a text for a cell of Markdown, without absolute paths."""
    return " ".join(paths.without_paths(text).replace("|", "\\|").replace("<", "&lt;").split())
