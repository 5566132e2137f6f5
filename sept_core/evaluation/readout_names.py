"""Names of an evaluation's readouts; this module does not import torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReadoutName:
    """Names of a readout: in menus and tables, and within a sentence."""

    title: str
    said: str


READOUTS = {
    "knn": ReadoutName("20-NN", "20-NN"),
    "linear": ReadoutName("Linear probe", "linear probe"),
    "finetune": ReadoutName("Fine-tuning", "fine-tuned"),
}
TITLES = {name: readout.title for name, readout in READOUTS.items()}
