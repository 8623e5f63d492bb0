"""The message language: what authors may write, and what becomes of it."""

import json
from datetime import date
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.content import CompiledContent, ContentError, Rendered, compile_content, render

FIELDS = ("first_name", "age", "city", "medicines", "last_visit")
ALL_VALUES = {
    "first_name": "Ann & Co",
    "age": 55,
    "city": "Ash",
    "medicines": ["A<1>", "B"],
    "last_visit": "2026-03-04",
    "organization_name": "Riverside",
    "postal_address": "1 River St",
    "unsubscribe_url": "https://x.example/u?a=1&b=2",
}


def compiled(html: str) -> CompiledContent:
    return compile_content("Your visit", "Good news", html, FIELDS)


def rendered(html: str, **values: object) -> Rendered:
    return render(compiled(html), values)


def refusal(html: str) -> ContentError:
    with pytest.raises(ContentError) as caught:
        compiled(html)
    return caught.value


MESSAGE = """<style>p { color: red } a:hover { color: blue }
@media (max-width: 600px) { p { margin: 0 } }</style>
<h1>Hello {{ first_name|default("friend") }}</h1>
{% if age >= 50 and city not in ["Bow", "x > y"] %}<p>Over fifty</p>
{% elif city %}<p>From {{ city|upper }}</p>{% else %}<p>Anyone</p>{% endif %}
<ul>{% for item in medicines %}<li>{{ item }}</li>{% endfor %}</ul>
<p>Last seen {{ last_visit|date }}. <a href="https://clinic.example/book?a=1&amp;b=2">Book</a></p>
<p><a href="tel:+15551234">Call</a> {{ organization_name }}, {{ postal_address }}
<a href="{{ unsubscribe_url }}">Unsubscribe</a></p>
"""


def test_a_message_is_compiled_once_and_rendered_for_each_recipient() -> None:
    content = compiled(MESSAGE)
    first = render(content, ALL_VALUES)
    assert '<p style="color:red">Over fifty</p>' in first.html
    assert "Ann &amp; Co" in first.html
    assert "<li>A&lt;1&gt;</li><li>B</li>" in first.html
    assert "March 4, 2026" in first.html
    assert 'href="https://clinic.example/book?a=1&amp;b=2"' in first.html
    assert 'href="https://x.example/u?a=1&amp;b=2"' in first.html
    assert 'href="tel:+15551234"' in first.html
    assert "@media" in first.html
    assert "Good news" in first.html
    assert "Hello Ann & Co" in first.text
    assert "  * A<1>\n  * B\n" in first.text
    assert "(https://clinic.example/book?a=1&b=2)" in first.text
    assert "From" not in first.text
    second = render(content, {"city": "Ash"})
    assert "Hello friend" in second.text
    assert "From ASH" in second.html
    assert "<ul></ul>" in second.html
    assert first.subject == "Your visit"


def test_links_are_numbered_and_can_be_tracked() -> None:
    html = '<a href="https://a.example/">A</a> <a href="http://b.example/x">B</a>'
    content = compiled(html)
    assert content.links == ("https://a.example/", "http://b.example/x")
    tracked = render(
        content, {}, link_url=lambda n: f"https://t.example/{n}", pixel_url="https://p"
    )
    assert "a.example" not in tracked.html + tracked.text
    assert 'href="https://t.example/1"' in tracked.html
    assert "(https://t.example/0)" in tracked.text
    assert '<img src="https://p"' in tracked.html
    plain = render(content, {})
    assert 'href="https://a.example/"' in plain.html
    assert "<img" not in plain.html


def test_compiled_content_can_be_stored_and_its_digest_is_bound_to_it() -> None:
    content = compiled(MESSAGE)
    stored = json.loads(json.dumps(content.to_dict()))
    again = CompiledContent.from_dict(stored)
    assert again == content
    assert again.digest() == content.digest() == compiled(MESSAGE).digest()
    assert compiled(MESSAGE + " ").digest() != content.digest() or MESSAGE.endswith(" ")
    assert compile_content("Other", "Good news", MESSAGE, FIELDS).digest() != content.digest()


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("{{ first_name.__class__ }}", "dot"),
        ("{{ ''.__class__.__mro__ }}", "dot"),
        ("{{ first_name['__class__'] }}", "brackets"),
        ("{{ first_name|attr('__class__') }}", "no filter called"),
        ("{{ first_name() }}", "round brackets"),
        ("{% for i in range(10**9) %}x{% endfor %}", "only go over a merge field"),
        ("{% for i in 'aaa' %}x{% endfor %}", "only go over a merge field"),
        ("{% for a in city %}{% for b in city %}x{% endfor %}{% endfor %}", "another loop"),
        ("{% for i in city recursive %}{{ loop(i) }}{% endfor %}", "written"),
        ("{% for city in medicines %}x{% endfor %}", "another name"),
        ("{{ 'a' * 999999999 }}", "Arithmetic"),
        ("{{ age ** 99999 }}", "Arithmetic"),
        ("{{ first_name ~ city }}", "~"),
        ("{% set a = 1 %}", "set"),
        ("{% include 'secrets' %}", "include"),
        ("{% import 'os' as os %}", "import"),
        ("{% extends 'base' %}", "extends"),
        ("{% macro x() %}{% endmacro %}", "macro"),
        ("{% raw %}{{ x }}{% endraw %}", "raw"),
        ("{{ age if city else 1 }}", "Only merge fields"),
        ("{{ first_name is defined }}", "“is”"),
        ("{{ first_name|default(city) }}", "quotation marks"),
        ("{{ _links }}", "no merge field"),
        ("{{ self }}", "no merge field"),
        ("{{ config }}", "no merge field"),
        ("{% if " + "not " * 500 + "age %}x{% endif %}", "too long"),
        ("{% if " + " or ".join(["age"] * 500) + " %}x{% endif %}", "too long"),
        ("{% if age %}" * 50 + "x" + "{% endif %}" * 50, "nested"),
        ("{{ " + "(" * 2000 + "age" + ")" * 2000 + " }}", "nested too deeply"),
        ("x" * 500_001, "longer"),
        ("", "empty"),
        (" \0\n", "empty"),
    ],
)
def test_what_is_not_on_the_list_is_refused(html: str, words: str) -> None:
    assert words in str(refusal(html))


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("one\ntwo {{ first_name", "Between {{ and }}"),
        ("one\n{% if age %}two", "no {% endif %}"),
        ("one\n{% for a in city %}two", "no {% endfor %}"),
        ("one\n{{ first name }}", "Between {{ and }}"),
        ("one\n{{ }}", "Between {{ and }}"),
        ("one\n{% endif %}", "not opened"),
        ("one\n{% else %}", "belong between"),
        ("one\n{% foo %}", "Only {% if %}"),
        ("one\n{# two", "comment"),
        ("one\n{{ 'a }}", "not complete"),
    ],
)
def test_syntax_errors_are_told_in_plain_words_with_the_line(html: str, words: str) -> None:
    error = refusal(html)
    assert words in error.message
    assert error.line == 2
    assert str(error).startswith("Line 2: ")


def test_an_unknown_field_is_answered_with_the_nearest_one() -> None:
    assert "Did you mean “first_name”?" in refusal("x\n{{ frist_name }}").message


@pytest.mark.parametrize(
    "html",
    [
        "<script>alert(1)</script>",
        "<form action='https://x.example'></form>",
        "<iframe src='https://x.example'></iframe>",
        "<object data='x'></object>",
        "<svg onload='x'></svg>",
        "<link rel='stylesheet' href='https://x.example/a.css'>",
        "<base href='https://x.example/'>",
        "<input value='x'>",
        "<p onclick='x'>x</p>",
        "<p ONCLICK='x'>x</p>",
        "<a href='javascript:alert(1)'>x</a>",
        "<a href='JaVaScRiPt:alert(1)'>x</a>",
        "<a href='java&#10;script:alert(1)'>x</a>",
        "<a href='data:text/html,x'>x</a>",
        "<a href='/relative'>x</a>",
        "<a href='https://'>x</a>",
        "<a href='https://[x'>x</a>",
        "<a href='https://x.example/?name={{ first_name }}'>x</a>",
        "<a href='{{ first_name }}'>x</a>",
        "<a href='{{ unsubscribe_url }}?x={{ city }}'>x</a>",
        "<img src='https://x.example/a.png'>",
        "<img src='//x.example/a.png'>",
        "<img src='data:text/html;base64,AAAA'>",
        "<img src='data:image/svg+xml;base64,AAAA'>",
        "<img src='data:image/png;base64,{{ city }}'>",
        "<img srcset='https://x.example/a.png 2x'>",
        "<table background='https://x.example/a.png'></table>",
        "<style>@import 'https://x.example/a.css';</style>",
        "<style>@\\69mport 'https://x.example/a.css';</style>",
        "<style>p { background: URL (https://x.example/a.png) }</style>",
        "<p style='background: url(https://x.example/a.png)'>x</p>",
        """<p style='content: "/*"; background: url(https://x.example/a.png); y: "*/"'>x</p>""",
        "<p style='background: image-set(\"https://x.example/a.png\" 1x)'>x</p>",
        "<p style='color: {{ city }}'>x</p>",
        "<style>p { color: {{ city }} }</style>",
        "<meta http-equiv='refresh' content='0;url=https://x.example'>",
        "<!--[if mso]><img src='https://x.example/a.png'><![endif]-->",
        "<!-- {{ city }} -->",
        "<p class='{{ city }}'>x</p>",
        "<p {% if age %}class='a'{% endif %}>x</p>",
        "<{{ city }}>x",
        "<p>{% if age %}one</p><p>two{% endif %}</p>",
        "<table><tr>{% for m in medicines %}<td>{{ m }}</td></tr>{% endfor %}</table>",
    ],
)
def test_what_runs_loads_or_leaks_is_refused(html: str) -> None:
    assert refusal(f"<p>first</p>\n{html}").message


def test_typed_braces_stay_text() -> None:
    result = rendered("<p>&#123;&#123; first_name }} &#123;% if %} {</p>", first_name="Ann")
    assert "<p>{{ first_name }} {% if %} {</p>" in result.html
    assert "{{ first_name }} {% if %} {" in result.text


def test_words_that_look_like_placeholders_stay_text() -> None:
    result = rendered("<p>mergecode0z mergecodex1z {{ city }}</p>", city="Ash")
    assert "mergecode0z mergecodex1z Ash" in result.html
    assert "mergecode0z mergecodex1z Ash" in result.text


def test_a_comparison_keeps_its_greater_than_sign() -> None:
    html = "<p>{% if age > 50 %}old{% endif %}{% if age < 50 %}young{% endif %}</p>"
    assert rendered(html, age=55).text == "old\n"
    assert rendered(html, age=45).text == "young\n"
    assert rendered(html).text == "\n"


def test_comparing_text_with_a_number_is_an_error_without_the_value() -> None:
    with pytest.raises(ContentError) as caught:
        rendered("{% if age > 50 %}old{% endif %}", age="canary")
    assert "canary" not in str(caught.value)


def test_conditions_leave_no_gaps_in_the_text_part() -> None:
    html = (
        "<p>A</p>{% if age %}<p>B</p>{% endif %}<p>C</p><p>D {% if age %}E{% endif %}</p><p>F</p>"
    )
    assert rendered(html, age=1).text == "A\n\nB\n\nC\n\nD E\n\nF\n"
    assert rendered(html).text == "A\n\nC\n\nD \n\nF\n"


def test_dates_and_lists_are_printed_for_people() -> None:
    html = (
        "{{ last_visit|date }}/{{ last_visit|date('short') }}/{{ last_visit|date('iso') }}/"
        "{{ last_visit|date('weekday') }}/{{ city|date }}/{{ medicines }}"
    )
    result = rendered(html, last_visit=date(2026, 3, 4), city="soon", medicines=["A", "B"])
    assert result.text == (
        "March 4, 2026/03/04/2026/2026-03-04/Wednesday, March 4, 2026/soon/A, B\n"
    )


def test_a_loop_over_one_value_runs_once_and_a_long_list_is_cut() -> None:
    html = "{% for m in medicines %}[{{ m }}]{% endfor %}"
    assert rendered(html, medicines="A").text == "[A]\n"
    assert rendered(html, medicines=["A"] * 500).text.count("[A]") == 100


def test_output_is_bounded() -> None:
    with pytest.raises(ContentError, match="too long"):
        rendered("{% for m in medicines %}{{ m }}{% endfor %}", medicines=["x" * 100_000] * 100)


@pytest.mark.parametrize(
    "value", ["Hi {{ first_name }}", "Hi {% if age %}", "a\nb", "=?utf-8?q?x?="]
)
def test_subject_and_preheader_take_no_merge_fields(value: str) -> None:
    with pytest.raises(ContentError):
        compile_content(value, "", "<p>x</p>", FIELDS)
    with pytest.raises(ContentError):
        compile_content("Hi", value, "<p>x</p>", FIELDS)


def test_an_empty_subject_is_refused() -> None:
    with pytest.raises(ContentError, match="subject is empty"):
        compile_content(" ", "", "<p>x</p>", FIELDS)


@given(st.text(st.characters(exclude_categories=("Cc", "Cs")), max_size=200))
def test_values_are_printed_as_they_are_and_never_as_markup(value: str) -> None:
    result = rendered(
        "<p>[{{ city }}]</p><img alt='{{ city }}' src='data:image/png;base64,AA'>", city=value
    )
    assert f"[{value}]" in unescape(result.html)
    assert f"[{value}]" in result.text
    assert result.html.count("<") == rendered(
        "<p>[{{ city }}]</p><img alt='{{ city }}' src='data:image/png;base64,AA'>"
    ).html.count("<")


@given(st.text(st.sampled_from("{}%#<>/!-=\"' abif&;"), max_size=60))
def test_any_source_is_compiled_or_refused(source: str) -> None:
    try:
        content = compiled(source)
    except ContentError:
        return
    render(content, ALL_VALUES)
