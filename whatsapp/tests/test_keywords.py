"""Which messages end and begin messages, and which only look like it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp.services.keywords import keyword_of


@pytest.mark.parametrize(
    "text",
    [
        "STOP", " stop. ", "Stop!", "«stop»", "ＳＴＯＰ", "unsubscribe", "QUIT",
        "إيقاف", "ايقاف", "إلغاء الاشتراك", "إيقـاف",
        "baja", "PARAR", "Darse de baja",
        "Arrêt", "arret", "se désabonner", "ARRETER",
        "Stopp", "abmelden", "Aufhören",
        "sair", "Cancelar inscrição", "PARE",
    ],
)  # fmt: skip
def test_these_end_messages(text):
    assert keyword_of(text) == "opt_out"


@pytest.mark.parametrize(
    "text", ["START", "unstop", "ابدأ", "ابدا", "alta", "Démarrer", "s'abonner", "s’abonner", "Anfangen", "começar"]
)
def test_these_begin_messages(text):
    assert keyword_of(text) == "opt_in"


@pytest.mark.parametrize(
    "text",
    ["please stop sending", "don't stop", "stop the Spring Sale", "status", "", "   ", "!!!", "stop" * 20, "🛑", "no"],
)
def test_these_say_something_else(text):
    assert keyword_of(text) is None


@given(st.text(max_size=200))
def test_no_text_raises(text):
    assert keyword_of(text) in (None, "opt_in", "opt_out")


@given(st.sampled_from(["stop", "baja", "إيقاف", "sair"]), st.text(" .!?…\n\t", max_size=5))
def test_marks_and_blanks_around_do_not_count(word, around):
    assert keyword_of(around + word.upper() + around) == "opt_out"
