"""Exports that start a trainer: the images with a ready command for LightlyTrain, DINOv2 or
solo-learn.

The scripts find the images relative to themselves, so that the folder can be moved. SEPT's own
trainer takes the native manifest instead (`sept pretrain --manifest`).
"""

from pathlib import Path

from sept_core.export import subset

LIGHTLY_TRAIN = """\
#!/bin/sh
# Pre-train with LightlyTrain (pip install lightly-train; it is licensed under the AGPL).
# Further settings can follow, such as: sh train.sh epochs=200 batch_size=256
cd "$(dirname "$0")" || exit 1
exec lightly-train pretrain out=runs/lightly data=images model=torchvision/resnet18 \\
    method=dino "$@"
"""

DINOV2 = '''\
"""Pre-train DINOv2 on this export: run from a checkout of facebookresearch/dinov2.

    PYTHONPATH=. torchrun --nproc_per_node=GPUS THIS_FOLDER/train.py \\
        --config-file dinov2/configs/train/vitl16_short.yaml --output-dir runs/dinov2

`dinov2` builds its data sets from a fixed list of names; `Images` takes their place.
"""

from pathlib import Path

import dinov2.train.train as training
from dinov2.data.datasets.extended import ExtendedVisionDataset


class Images(ExtendedVisionDataset):
    """All the images of the export, without labels."""

    def __init__(self, root, transform=None, target_transform=None):
        super().__init__(root, None, transform, target_transform)
        self.paths = sorted(Path(root).glob("*/*"))

    def get_image_data(self, index):
        return self.paths[index].read_bytes()

    def get_target(self, index):
        return 0

    def __len__(self):
        return len(self.paths)


def make_dataset(*, dataset_str, transform=None, target_transform=None):
    return Images(Path(__file__).parent / "images", transform, target_transform)


if __name__ == "__main__":
    training.make_dataset = make_dataset
    training.main(training.get_args_parser().parse_args())
'''

SOLO_LEARN = """\
#!/bin/sh
# Pre-train with solo-learn: run from its checkout (vturrisi/solo-learn).
# Further settings can follow, such as: sh THIS_FOLDER/train.sh max_epochs=200 devices=[0]
images="$(cd "$(dirname "$0")" && pwd)/images"
exec python3 main_pretrain.py --config-path scripts/pretrain/custom --config-name byol.yaml \\
    "data.train_path='$images'" data.no_labels=True data.format=image_folder \\
    '~data.val_path' ++wandb.enabled=False "$@"
"""


def lightly_train(chosen: subset.Subset, out: Path) -> None:
    """Write `images/ab/…` and `train.sh`: LightlyTrain walks folders and follows links."""
    chosen.place(out / "images", subset.tree_name)
    (out / "train.sh").write_text(LIGHTLY_TRAIN)


def dinov2(chosen: subset.Subset, out: Path) -> None:
    """Write `images/ab/…` and `train.py` with the small data set class that DINOv2 needs."""
    chosen.place(out / "images", subset.tree_name)
    (out / "train.py").write_text(DINOV2)


def solo_learn(chosen: subset.Subset, out: Path) -> None:
    """Write `images/`, flat because solo-learn lists only one folder, and `train.sh`."""
    chosen.place(out / "images")
    (out / "train.sh").write_text(SOLO_LEARN)
