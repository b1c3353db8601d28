"""Reading commands: what is one, what is talk, in six languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.choices import CommandVerb
from rules.conditions.commands import (
    CODE_ALPHABET,
    CODE_LENGTH,
    LANGUAGES,
    Command,
    alert_number,
    button_id,
    command_words,
    parse_command,
    shown_word,
    typed_code,
)
from stratum.lib.plain_words import plain
from whatsapp.services.keywords import keyword_of


@pytest.mark.parametrize(
    ("text", "verb", "argument"),
    [
        ("status", "status", ""),
        ("  STATUS?  ", "status", ""),
        ("/status", "status", ""),
        ("Status Spring Sale", "status", "Spring Sale"),
        ("pause “Spring  Sale”", "pause", "Spring Sale"),
        ("PAUSE: Été 2026", "pause", "Été 2026"),
        ("Mettre en pause Soldes d’été", "pause", "Soldes d’été"),
        ("Pausieren Frühling", "pause", "Frühling"),
        ("إيقاف مؤقت حملة الربيع", "pause", "حملة الربيع"),
        ("ايقاف مؤقت حملة", "pause", "حملة"),
        ("Statut", "status", ""),
        ("ÉTAT", "status", ""),
        ("الحالــة", "status", ""),
        ("approve abc234", "approve", "abc234"),
        ("Genehmigen ABC234", "approve", "ABC234"),
        ("rechazar ABC234", "reject", "ABC234"),
        ("ack", "ack", ""),
        ("acknowledge #12", "ack", "#12"),
        ("Ruckgangig machen", "undo", ""),
        ("rückgängig", "undo", ""),
        ("ajuda", "help", ""),
        ("Sí!", "yes", ""),
        ("NÃO", "no", ""),
        ("نعم", "yes", ""),
    ],
)
def test_commands_in_all_languages(text, verb, argument):
    assert parse_command(text) == Command(CommandVerb(verb), argument)


@pytest.mark.parametrize("text", ["3", " 3. ", "٣"])
def test_a_number_chooses(text):
    assert parse_command(text) == Command(CommandVerb.CHOOSE, choice=3)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "👍",
        "Good morning!",
        "yes please do",
        "No, not yet",
        "What is the status of Spring Sale?",
        "please pause it",
        "11",
        "0",
        "12345678901234567890",
        "pausestatus",
        "the undo button does not work",
        "I approve",
        "1 2",
        "stop",
    ],
)
def test_talk_is_no_command(text):
    assert parse_command(text) is None


def test_buttons_name_their_question():
    assert parse_command("Yes, pause", button_id(7, "yes")) == Command(CommandVerb.YES, question=7)
    assert parse_command("2. Sale", button_id(7, 2)) == Command(CommandVerb.CHOOSE, question=7, choice=2)
    assert parse_command("status", "somebody-elses-button") == Command(CommandVerb.STATUS)
    assert parse_command("Hello", "code:7:maybe") is None


_LEARNED_BY_HEART = st.sampled_from(sorted(command_words()))


@given(st.text(), st.text())
def test_whatever_is_written_is_read_without_an_error(text, reply_id):
    found = parse_command(text, reply_id)
    assert found is None or found.verb in CommandVerb


@given(_LEARNED_BY_HEART, st.text(max_size=400))
def test_what_begins_with_a_word_is_a_command_with_the_rest(word, rest):
    found = parse_command(f"{word} {rest}")
    assert found is not None
    assert len(found.argument) <= 255
    assert "\0" not in found.argument


@given(st.text())
def test_talk_stays_talk(text):
    """Whatever does not begin with a word of the table, and is no answer as a whole, is never a command."""
    words = plain(text).split()
    begins = any(" ".join(words[:count]) in command_words() for count in range(1, 4))
    found = parse_command(text)
    if found is not None and not begins:
        assert found.verb in (CommandVerb.YES, CommandVerb.NO, CommandVerb.CHOOSE)
        assert len(words) == 1


@given(st.text(alphabet=CODE_ALPHABET, min_size=CODE_LENGTH, max_size=CODE_LENGTH))
def test_codes_are_read_in_any_case_and_with_blanks(code):
    assert typed_code(f" {code[:3].lower()} {code[3:]} ") == code
    assert typed_code(code + "A") == typed_code(code[:-1]) == ""


def test_numbers_of_alerts():
    assert [alert_number(text) for text in ("12", "#12", "No. 12", "", "x", "9" * 30)] == [
        12,
        12,
        None,
        None,
        None,
        None,
    ]


def test_no_word_ends_or_begins_messages():
    """Words of consent are read first: a command that is one of them would never arrive."""
    assert [word for word in sorted(command_words()) if keyword_of(word)] == []


def test_help_shows_a_word_of_the_language():
    shown = {language: shown_word(CommandVerb.STATUS, language) for language in (*LANGUAGES, "pt-br", "xx")}
    assert shown == {
        "en": "status", "ar": "الحالة", "es": "estado", "fr": "statut", "de": "status", "pt": "status",
        "pt-br": "status", "xx": "status",
    }  # fmt: skip
    for verb in CommandVerb:
        if verb is not CommandVerb.CHOOSE:
            for language in LANGUAGES:
                found = parse_command(shown_word(verb, language))
                assert found is not None
                assert found.verb == verb
