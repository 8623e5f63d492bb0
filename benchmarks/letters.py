"""A made-up newsletter: 10 KB of HTML with twelve merge fields and twenty links."""

from __future__ import annotations

FIELDS = (
    *("first_name", "last_name", "record_number", "birth_date", "language", "state"),
    *("postal_code", "phone", "department", "primary_provider", "insurance", "last_visit"),
)
_ADVICE = (
    "A short walk every day, enough water and regular sleep do more for your heart than most people"
    " think. Bring your list of medicines to your visit, and ask us whatever you would like to know"
    " about them; there are no foolish questions. "
)


def newsletter() -> str:
    """The HTML as an author writes it."""
    fields = "".join(
        f'<tr><td class="name">{name.replace("_", " ").title()}</td>'
        f'<td class="value">{{{{ {name} }}}}</td></tr>'
        for name in FIELDS
    )
    articles = "".join(
        f'<div class="article"><h2>Number {number}: good to know</h2><p>{_ADVICE}</p>'
        f'<p><a href="https://www.riverside.test/articles/{number}">Read more</a></p></div>'
        for number in range(20)
    )
    return (
        "<html><head><title>News</title><style>"
        "body { font: 16px/1.5 Arial, sans-serif; color: #1c2733; } .name { color: #56657a; }"
        "</style></head><body><h1>Dear {{ first_name }}</h1>"
        f"<table>{fields}</table>{articles}"
        '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a>, {{ postal_address }}</p></body></html>'
    )
