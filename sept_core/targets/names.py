"""Names: the split in the name of a folder, archive, column value or file.

In: names as people write them, in any case and with any separator (`Training_set`, `val2017`,
`imagenet-test-0001`). Out: a split, or None. Pure.
"""

import functools
import re
from collections import defaultdict
from collections.abc import Iterable

_WORDS = {
    **dict.fromkeys(("train", "training", "trn", "trainval"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "validate", "minival"), "val"),
    **dict.fromkeys(("dev", "development", "eval", "evaluation", "evaluate"), "val"),
    **dict.fromkeys(("test", "testing", "tests", "tst", "holdout", "heldout"), "test"),
    "训练": "train",
    "训练集": "train",
    "验证": "val",
    "验证集": "val",
    "测试": "test",
    "测试集": "test",
}
"""Words that name a split, in lower case."""

_SHORT = {"tr": "train", "va": "val", "vl": "val", "te": "test", "ts": "test"}
"""Words that may name a split, a language or anything else."""

_NEUTRAL = frozenset(
    (
        *("set", "sets", "data", "dataset", "ds", "split", "splits", "subset", "folder", "dir"),
        *("image", "images", "img", "imgs", "jpg", "jpeg", "jpegs", "png", "pic", "pics"),
        *("picture", "pictures", "photo", "photos", "crop", "crops", "cropped", "resized"),
        *("full", "all", "final", "new", "small", "mini", "tiny", "big", "large", "clean", "raw"),
        *("original", "official", "standard", "std", "public", "private", "challenge", "phase"),
        *(
            "labeled",
            "labelled",
            "annotated",
            "single",
            "part",
            "shard",
            "shards",
            "chunk",
            "batch",
            "of",
        ),
        *("a", "b", "c", "x", "v", "px", "is", "the", "zip", "tar", "gz", "tgz"),
        *("list", "files"),
    )
)
"""Words that may accompany a split's word: `train_images_v2` is `train`."""

_STRAY = frozenset(
    (
        *("unlabeled", "unlabelled", "extra", "extras", "sample", "samples", "example"),
        *("examples", "demo", "doc", "docs", "misc", "backup", "old", "tmp", "temp", "trash"),
        *("cache", "thumbnail", "thumbnails", "thumbs", "preview", "previews", "annotation"),
        *("annotations", "label", "labels", "mask", "masks", "gt", "groundtruth", "meta"),
        *("metadata", "log", "logs", "script", "scripts", "code", "assets", "macosx"),
        *(
            "gtfine",
            "gtcoarse",
            "bbox",
            "segmentation",
            "segmentations",
            "segmentationclass",
            "segmentationobject",
            "devkit",
        ),
        *("pred", "prediction", "predictions", "result", "results", "output", "outputs", "figures"),
        *("screenshots", "checkpoints", "unused", "ignore", "ignored", "discarded", "rejected"),
    )
)
"""Words of folders next to splits that are neither a split nor a class."""

_IMAGES = frozenset(("images", "image", "img", "imgs", "jpegimages", "jpegs", "jpeg", "jpg", "png"))
_SHARD_WORDS = frozenset(("shard", "shards", "part", "chunk", "batch", "data", *_IMAGES))

_PIECE = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^A-Za-z]+")
_GLUED = re.compile(
    r"(train(?:ing)?|val(?:id(?:ation)?)?|test(?:ing)?|eval(?:uation)?|dev)"
    r"(sets?|data(?:set)?|images?|imgs?|split|folder|dir|lists?)"
)
_FOLD = re.compile(r"(?:cv|k)?[-_ ]?(?:fold|split|cv)[-_ ]?\d+|\d+[-_ ]?fold", re.I)
_SHARD = re.compile(r"[-_. ]?\d+[-_ ]+of[-_ ]+\d+$|(?:^|[-_. ]+)\d+$")
_CONTAINER = re.compile(r"\.(tar|zip|tgz|parquet|csv|tsv|jsonl|json|txt|arrow)(\.\w{1,4})?$", re.I)


def words(name: str) -> list[str]:
    """Split a name into words and numbers in lower case: `TrainSet_v2` gives train, set, v, 2."""
    found: list[str] = []
    for piece in _PIECE.findall(name):
        glued = _GLUED.fullmatch(piece.lower())
        if piece.lower() in _WORDS or glued:
            found += glued.groups() if glued else [piece.lower()]
        else:
            found += [word.lower() for word in _CAMEL.findall(piece)]
    return found


def split_of(name: str) -> str | None:
    """Return the split of a name that has only a split's word, neutral words and numbers."""
    split, rest = _parsed(name)
    return None if rest else split


def loose_split_of(name: str) -> str | None:
    """Return the split of a name that may have any other words: `COCO_train2014_000009`."""
    return _parsed(name)[0]


def mentions_split(name: str) -> bool:
    """Return whether a split's word is among a name's words: `cat_train`."""
    return not _WORDS.keys().isdisjoint(words(name))


def mentions_heldout(name: str) -> bool:
    """Return whether the word of a held-out split is among a name's words: `train_test_split`."""
    return any(_WORDS.get(word, "train") != "train" for word in words(name))


def splits_of(siblings: Iterable[str]) -> dict[str, str]:
    """Return the splits of sibling names, for those that contain one.

    Words that names of different splits share count as neutral: `birds_train`, `birds_test`.
    """
    found, shared = dict[str, str](), defaultdict[tuple[str, ...], dict[str, str]](dict)
    for name in siblings:
        split, rest = _parsed(name)
        if split and not rest:
            found[name] = split
        elif split and not is_stray(name):
            shared[rest][name] = split
    for same in shared.values():
        if len(set(same.values())) > 1:
            found |= same
    return found


@functools.lru_cache(1 << 16)
def _parsed(name: str) -> tuple[str | None, tuple[str, ...]]:
    """Return the only split among a name's words, and the other words that are not neutral."""
    found, rest = set[str](), list[str]()
    parts = words(re.sub(r"(?i)(hold|held)[-_ ]?out", "holdout", name))
    for word in parts:
        if word in _WORDS:
            found.add(_WORDS[word])
        elif word not in _NEUTRAL and not word.isdecimal():
            rest.append(word)
    if found == {"val", "test"}:  # `test-dev`, `eval_test`
        found = {"test"}
    return (found.pop() if len(found) == 1 else None), tuple(rest)


def short_splits_of(siblings: Iterable[str]) -> dict[str, str]:
    """Return the splits of some names if all can be abbreviations (`tr`, `te`), else nothing."""
    found = {name: _SHORT.get(name.lower()) or split_of(name) for name in siblings}
    return {n: split for n, split in found.items() if split} if all(found.values()) else {}


def are_folds(siblings: Iterable[str]) -> bool:
    """Return whether some names are those of two or more folds of a cross-validation."""
    found = [_FOLD.fullmatch(name) is not None for name in siblings]
    return len(found) > 1 and all(found)


@functools.lru_cache(1 << 16)
def is_stray(name: str) -> bool:
    """Return whether a folder of this name usually holds neither a split nor a class."""
    if column(name) in _STRAY:
        return True
    parts = {word for word in words(name) if not word.isdecimal()}
    return not parts.isdisjoint(_STRAY) and parts <= _STRAY | _NEUTRAL | _WORDS.keys()


def is_images(name: str) -> bool:
    """Return whether a folder's name only means that it contains images."""
    return name.lower() in _IMAGES


def container(name: str) -> str:
    """Return the name of an archive or table without its suffix and shard number.

    Empty if nothing else is left: `00012.tar`, `shard-7.tar`.
    """
    stem = _CONTAINER.sub("", name)
    bare = _SHARD.sub("", stem)
    while bare != stem:
        stem, bare = bare, _SHARD.sub("", bare)
    tokens = [word for word in words(stem) if not word.isdecimal()]
    return "" if all(token in _SHARD_WORDS for token in tokens) else stem


def column(name: str) -> str:
    """Normalise a column's name: `Class Name`, `class_name` and `ClassName` are equal."""
    return re.sub(r"[\W_]", "", name).lower()
