"""The card of a first run."""

from dataclasses import replace

from viewer.controls import Bindings
from viewer.hud import Hud
from viewer.welcome import TO_KNOW, card


def test_six_things_in_the_words_of_the_table() -> None:
    lines = card()
    assert len([line for line in lines if "\t" in line]) == len(TO_KNOW) == 6
    assert "W A S D\tfly forward, left, back, right" in lines
    assert all(line.split("\t")[0] for line in lines), "each tells what to press"


def test_the_card_follows_the_users_keys() -> None:
    own = replace(Bindings(), keys={**Bindings().keys, "autopilot": ("O",)})
    assert "O\tautopilot on, off" in card(own)


def test_with_a_gamepad_it_names_its_buttons() -> None:
    assert "A\tautopilot on, off" in card(pad=True)
    assert all(line.split("\t")[0] for line in card(pad=True))


def test_the_card_is_readable_on_a_small_window() -> None:
    height, width = Hud().card_picture(card()).shape[:2]
    assert width <= 640
    assert height <= 320
