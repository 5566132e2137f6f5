"""Splits by the names of folders."""

import pytest

from sept_core.targets import names


@pytest.mark.parametrize(
    ("split", "spelled"),
    [
        ("train", "train Train TRAIN training Training_set train_set train-images TrainImages trn"),
        ("train", "train2017 trainset TRAINset trainval train_256 trainA 训练集"),
        (
            "val",
            "val Val valid VALIDATION validation_set val2017 dev Dev-Set eval Evaluation valset",
        ),
        (
            "test",
            "test TESTING Testing_set tst test2017 testA PublicTest hold-out heldout test-dev",
        ),
    ],
)
def test_spellings_of_a_split(split: str, spelled: str) -> None:
    assert {name: names.split_of(name) for name in spelled.split()} == dict.fromkeys(
        spelled.split(), split
    )


@pytest.mark.parametrize(
    "name",
    [
        *("trains", "pretrain", "invalid", "steam train", "train_masks", "latest", "contest"),
        *("train_val", "train+test", "valley", "evaluations2go", "cat", "", "007", "device"),
    ],
)
def test_names_that_state_no_split(name: str) -> None:
    assert names.split_of(name) is None


def test_words_that_splits_share_count_for_nothing() -> None:
    assert names.splits_of(["birds_train", "birds_test", "birds_readme"]) == {
        "birds_train": "train",
        "birds_test": "test",
    }
    assert names.splits_of(["steam_train", "model_train"]) == {}
    assert names.splits_of(["train", "train_masks", "test", "test_masks"]) == {
        "train": "train",
        "test": "test",
    }


def test_strays() -> None:
    assert all(map(names.is_stray, ["docs", "Unlabeled2017", "train_masks", "__MACOSX", "gtFine"]))
    assert not any(map(names.is_stray, ["cat", "Ford GT Coupe", "train", "labeled", "sunset"]))


@pytest.mark.parametrize(
    ("archive", "name"),
    [
        ("train.tar", "train"),
        ("imagenet-val-0001.tar", "imagenet-val"),
        ("train-00000-of-00010.parquet", "train"),
        ("00012.tar", ""),
        ("shard-0007.tar.gz", ""),
        ("n01440764.tar", "n01440764"),
        ("pets.zip", "pets"),
    ],
)
def test_name_of_an_archive(archive: str, name: str) -> None:
    assert names.container(archive) == name
