"""One person, two numbers: Brazil, Mexico, Argentina."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whatsapp.clients.numbers import lookup_forms, same_person, to_digits, to_e164

ELSEWHERE = ("16505551234", "4915112345678", "447911123456", "966512345678")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("5511987654321", "551187654321"),
        ("+55 11 98765-4321", "551187654321"),
        ("5215512345678", "525512345678"),
        ("5491123456789", "541123456789"),
    ],
)
def test_both_forms_are_one_person(one, other):
    assert lookup_forms(one) == (to_digits(one), other)
    assert lookup_forms(other) == (other, to_digits(one))
    assert same_person(one, other)
    assert same_person(other, one)


@pytest.mark.parametrize("number", [*ELSEWHERE, "551132654321", "5511999", "52155", "549"])
def test_others_have_one_form(number):
    # A Brazilian landline, and pieces of numbers, have no second form either.
    assert lookup_forms(f"+{number}") == (number,)


def test_what_is_no_number():
    assert lookup_forms("") == lookup_forms("none") == ()
    assert not same_person("", "")
    assert not same_person("16505551234", "16505551235")


@pytest.mark.parametrize(
    ("wa_id", "number"),
    [
        ("551187654321", "+5511987654321"),
        ("5215512345678", "+525512345678"),
        ("5491123456789", "+5491123456789"),
        ("16505551234", "+16505551234"),
        ("123", None),
        ("", None),
    ],
)
def test_a_wa_id_as_people_know_the_number(wa_id, number):
    assert to_e164(wa_id) == number


def digits(prefix, first, count):
    return st.builds(
        lambda mark, head, rest: prefix + mark + head + rest,
        st.sampled_from(["", "9", "1", "119", "11"]),
        st.sampled_from(first),
        st.text("0123456789", min_size=count - 2, max_size=count + 2),
    )


numbers = st.one_of(
    digits("55", "123456789", 9),
    digits("52", "123456789", 10),
    digits("54", "123456789", 10),
    st.text("0123456789", min_size=1, max_size=18),
)


@given(numbers)
def test_forms_name_each_other(number):
    forms = lookup_forms(number)
    assert forms[0] == number
    assert 1 <= len(forms) <= 2
    for form in forms:
        assert set(lookup_forms(form)) == set(forms)


@given(numbers, numbers)
def test_same_person_goes_both_ways(one, other):
    assert same_person(one, other) == same_person(other, one)


@given(st.text(max_size=40))
def test_any_text_has_forms_of_digits_only(text):
    assert all(form.isascii() and form.isdecimal() for form in lookup_forms(text))
