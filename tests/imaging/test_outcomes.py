"""Outcomes: what is about the bytes and what about the machine, in every version's words."""

import errno
import os

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.hostile import outages
from sept_core.imaging import images, outcomes


@pytest.mark.parametrize("number", outages.NUMBERS, ids=errno.errorcode.get)
def test_what_the_system_says_can_pass_in_all_its_forms(number: int) -> None:
    problem = OSError(number, os.strerror(number), "a.png")
    failed = images.failure(problem, "damaged")
    assert isinstance(failed, images.UnreadableFile)
    assert not isinstance(failed, images.RejectedImage)
    told = (failed.reason, f"unreadable: {problem}", f"unreadable: damaged archive: {problem}")
    for reason in (*told, f"unreadable folder: {os.strerror(number)}"):
        assert outcomes.can_pass(reason), reason
        assert outcomes.of_earlier("rejected", reason) == outcomes.UNREADABLE


@pytest.mark.parametrize(
    "problem",
    [OSError("broken data stream"), pa.ArrowInvalid("no parquet"), EOFError(), ValueError("x"),
     OSError(errno.EINVAL, "Invalid argument"), SyntaxError("not a TIFF file"), KeyError("x")],
    ids=repr,
)  # fmt: skip
def test_what_libraries_say_of_bytes_is_a_rejection(problem: Exception) -> None:
    failed = images.failure(problem, "damaged")
    assert isinstance(failed, images.RejectedImage) and failed.reason == "damaged"


def test_a_machine_without_memory_rejects_nothing() -> None:
    assert isinstance(images.failure(MemoryError(), "damaged"), images.UnreadableFile)


@pytest.mark.parametrize(
    "reason",
    ["missing file", "dangling link", "changed since it was first read",
     "unreadable: not a regular file", "unreadable: Stale NFS file handle"],
)  # fmt: skip
def test_accidents_of_earlier_versions_can_pass(reason: str) -> None:
    assert outcomes.of_earlier("rejected", reason) == outcomes.UNREADABLE


@pytest.mark.parametrize(
    "reason",
    ["empty file", "not an image", "truncated: image file is truncated", "hidden file",
     "too large to decode safely (400 megapixels)", "unreadable: broken PNG file (chunk b'IDAT')",
     "unreadable: damaged archive: Bad CRC-32 for file 'a.png'",
     "not an image by its name (not opened)",
     "unreadable: no such member in the archive", "link leads out of the source", "link loop",
     "unreadable: damaged archive: [Errno 22] Invalid argument", "encrypted",
     "truncated: the archive ends inside this image", "unreadable: 'x.bin' is no archive or table"],
)  # fmt: skip
def test_what_the_bytes_or_the_name_prove_stays_a_rejection(reason: str) -> None:
    assert outcomes.of_earlier("rejected", reason) == outcomes.REJECTED


def test_an_image_without_a_vector_was_no_rejection() -> None:
    reason = "no features: the encoder gave a vector of length nan instead of 1"
    assert outcomes.of_earlier("rejected", reason) == outcomes.NO_FEATURES


@given(st.sampled_from(["ok", "unreadable", "no_features"]), st.text(max_size=40))
def test_words_of_today_stay(status: str, reason: str) -> None:
    assert outcomes.of_earlier(status, reason) == status
