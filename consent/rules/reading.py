"""How hard a text is to read."""

import re

_WORD = re.compile(r"[A-Za-z][A-Za-z'’-]*")
_SENTENCE_END = re.compile(r"[.!?:;]+(?:\s|$)|\n+")
_VOWELS = re.compile(r"[aeiouy]+")
_SILENT_ENDING = re.compile(r"(?<![aeiouyl])e$|(?<![aeiouytd])ed$|(?<=[^aeiouyscxzgh])es$")


def reading_grade(text: str) -> float:
    """The Flesch-Kincaid grade of an English text: years of school needed to follow it.

    Syllables are estimated from spelling, which is right to within about half a grade. Text
    without words has grade 0.
    """
    words = _WORD.findall(text)
    if not words:
        return 0.0
    sentences = sum(1 for part in _SENTENCE_END.split(text) if _WORD.search(part))
    syllables = sum(_syllables(word.lower()) for word in words)
    grade = 0.39 * len(words) / sentences + 11.8 * syllables / len(words) - 15.59
    return round(max(grade, 0.0), 1)


def _syllables(word: str) -> int:
    return max(1, len(_VOWELS.findall(_SILENT_ENDING.sub("", word))))
