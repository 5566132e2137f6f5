"""`sept round`: weights that cannot count are refused before anything is trained."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sept_core import errors
from sept_core.cli import rounds


@pytest.mark.parametrize(
    ("open_round", "wanted"),
    [
        (SimpleNamespace(run="trained"), None),  # the round is selected; only its score is missing
        (SimpleNamespace(run="trained"), 3),
        (None, 2),  # there are enough rounds
    ],
)
def test_weights_need_a_round_that_is_selected(
    open_round: Any, wanted: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "_train", lambda *_: pytest.fail("it trained"))
    series: Any = SimpleNamespace(complete=2, open=open_round)
    with pytest.raises(errors.InputError, match="selects no round"):
        rounds._advance(Path("p"), series, wanted, False, {"red": 2.0})
