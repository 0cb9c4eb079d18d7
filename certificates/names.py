"""A person's name as a certificate wants it: without titles, split in two, and in the letters A to Z.

Indonesian names have no family name. A single name stands alone in the surname field; of several, the last one
(or everything from *bin* or *binti* on) is taken as surname, as Indonesian travel agents and visa forms do.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

MAX_LENGTH = 80

_TITLES_BEFORE = {
    *("prof", "dr", "drg", "drh", "drs", "dra", "ir", "apt", "ns", "h", "hj", "kh", "hc", "ustaz", "ustadz"),
    *("tn", "ny", "nn", "sdr", "sdri"),
}
_DEGREE_LIST = """
S.H S.E S.Kom S.Pd S.Pd.I S.Ked S.Kep S.Si S.Sos S.T S.Ag S.Psi S.Farm S.Gz S.IP S.Tr S.KM S.STP S.Hum S.P S.Pt S.Th
S.I.Kom S.A.P S.Kep.Ns M.M M.Kes M.Pd M.Si M.T M.Kom M.H M.Sc M.A M.Kn M.Ag M.Hum M.Ked Ph.D A.Md A.Md.Kep A.Md.Keb
Am.Keb Amd.Kep Sp.A Sp.PD Sp.OG Sp.B Sp.M Sp.KK Sp.P Sp.An
"""
_DEGREES = {degree.replace(".", "").lower() for degree in _DEGREE_LIST.split()}
_DEGREES_WITHOUT_DOT = {"SKM", "MBA", "MPH", "SST"}
_KINSHIP = {"bin", "binti"}
_PARTICLES = {"van", "der", "den", "de", "da", "dos", "von", "zu", "al", "el"}

# ICAO Doc 9303 part 3, section 6: letters that are not simply a base letter with a mark.
_LATIN = {
    "Ä": "AE", "Å": "AA", "Æ": "AE", "Ö": "OE", "Ø": "OE", "Œ": "OE", "Ü": "UE", "ẞ": "SS", "ß": "SS", "Þ": "TH",
    "Đ": "D", "Ð": "D", "Ħ": "H", "İ": "I", "ı": "I", "Ĳ": "IJ", "Ł": "L", "Ŀ": "L", "Ŋ": "N", "Ŧ": "T", "ĸ": "Q",
}  # fmt: skip
_CYRILLIC = {
    "А": "A", "Б": "B", "В": "V", "Г": "G", "Ґ": "G", "Д": "D", "Ђ": "D", "Е": "E", "Ё": "E", "Є": "IE", "Ж": "ZH",
    "З": "Z", "Ѕ": "DZ", "И": "I", "І": "I", "Ї": "I", "Й": "I", "Ј": "J", "К": "K", "Л": "L", "Љ": "LJ", "М": "M",
    "Н": "N", "Њ": "NJ", "О": "O", "П": "P", "Р": "R", "С": "S", "Т": "T", "Ћ": "C", "У": "U", "Ў": "U", "Ф": "F",
    "Х": "KH", "Ц": "TS", "Ч": "CH", "Џ": "DZ", "Ш": "SH", "Щ": "SHCH", "Ъ": "IE", "Ы": "Y", "Ь": "", "Э": "E",
    "Ю": "IU", "Я": "IA",
}  # fmt: skip
# Section 6.C of the same: short vowels, sukun and tatweel are not written, so they have no entry.
_ARABIC = {
    "ء": "XE", "آ": "XAA", "أ": "XAE", "ؤ": "U", "إ": "I", "ئ": "XI", "ا": "A", "ب": "B", "ة": "XTA", "ت": "T",
    "ث": "XTH", "ج": "J", "ح": "XH", "خ": "XKH", "د": "D", "ذ": "XDH", "ر": "R", "ز": "Z", "س": "S", "ش": "XSH",
    "ص": "XSS", "ض": "XDZ", "ط": "XTT", "ظ": "XZZ", "ع": "E", "غ": "G", "ف": "F", "ق": "Q", "ك": "K", "ل": "L",
    "م": "M", "ن": "N", "ه": "H", "و": "W", "ى": "XAY", "ي": "Y", "ٱ": "XXA", "ٹ": "XXT", "ټ": "XRT", "پ": "P",
    "ځ": "XKE", "څ": "XXH", "چ": "XC", "ڈ": "XXD", "ډ": "XDR", "ڑ": "XXR", "ړ": "XRR", "ږ": "XRX", "ژ": "XJ",
    "ښ": "XXS", "ک": "XKK", "ګ": "XXK", "ڭ": "XNG", "گ": "XGG", "ں": "XNN", "ڼ": "XXN", "ھ": "XDO", "ۀ": "XYH",
    "ہ": "XXG", "ۂ": "XGE", "ۃ": "XTG", "ی": "XYA", "ۍ": "XXY", "ې": "Y", "ے": "XYB", "ۓ": "XBE",
}  # fmt: skip
_SHADDA = "\u0651"  # says that the letter before it is doubled
_TEH_MARBUTA, _TEH_MARBUTA_AT_THE_END = "\u0629", "XAH"
_TABLE = {**_LATIN, **_CYRILLIC, **_ARABIC}
_SEPARATORS = re.compile(r"[\s\-‐‑–—_/,<]+")
_ASCII = {
    code: " " if _SEPARATORS.match(chr(code)) else chr(code).upper() if chr(code).isalpha() else None
    for code in range(128)
}
# "dr.Budi" without a space is common on paper forms.
_GLUED_TITLE = re.compile(r"(?i)^(prof|dr|drg|drs|dra|ir|hj|kh|h)\.(?=\w{3,})")


class PersonName(NamedTuple):
    """Surname and given names, as written and transliterated; absent parts are empty."""

    surname: str
    given: str
    surname_standard: str
    given_standard: str


def transliterate(text: str) -> str:
    """The text in A to Z with single `<` between parts, at most 80 characters; letters without a rule are dropped."""
    if text.isascii():  # as most names are: there is nothing to look up
        return "<".join(text.translate(_ASCII).split())[:MAX_LENGTH].rstrip("<")
    words = []
    for word in _SEPARATORS.split(unicodedata.normalize("NFC", text)):
        letters: list[str] = []
        for position, character in enumerate(word, 1):
            if character == _SHADDA:
                letters += letters[-1:]
            elif character == _TEH_MARBUTA and position == len(word):
                letters.append(_TEH_MARBUTA_AT_THE_END)
            elif letter := _letter(character):
                letters.append(letter)
        if letters:
            words.append("".join(letters))
    return "<".join(words)[:MAX_LENGTH].rstrip("<")


@lru_cache(maxsize=4096)
def _letter(character: str) -> str:
    for candidate in (character, character.upper()):
        if candidate in _TABLE:
            return _TABLE[candidate]
    base = unicodedata.normalize("NFKD", character.upper())
    return "".join(_TABLE.get(part, part) for part in base if "A" <= part <= "Z" or part in _TABLE)


def _is_degree(word: str) -> bool:
    return word in _DEGREES_WITHOUT_DOT or ("." in word and word.replace(".", "").lower() in _DEGREES)


def without_titles(name: str) -> str:
    """The name without academic, religious and polite titles; unchanged when nothing would be left."""
    return " ".join(_bare_words(name))


def _bare_words(name: str) -> list[str]:
    words = name.partition(",")[0].split()
    while len(words) > 1 and words[0].rstrip(".").lower() in _TITLES_BEFORE:
        words.pop(0)
    if words and "." in words[0] and (glued := _GLUED_TITLE.match(words[0])):
        words[0] = words[0][glued.end() :]
    while len(words) > 1 and _is_degree(words[-1]):
        words.pop()
    return words or name.split()


# Each of a dose's codes asks for the same name; in bulk first one code of a whole batch is made, then the other.
@lru_cache(maxsize=2_048)
def person_name(full_name: str) -> PersonName:
    """Split and transliterate; a single name goes to the surname fields and the given-name fields stay empty."""
    words = _bare_words(full_name)
    start = max(len(words) - 1, 0)
    for position in range(1, len(words)):
        if words[position].rstrip(".").lower() in _KINSHIP:
            start = position
            break
    else:
        while start > 1 and words[start - 1].lower() in _PARTICLES:
            start -= 1
    given, surname = " ".join(words[:start]), " ".join(words[start:])
    return PersonName(
        surname[:MAX_LENGTH].rstrip(),
        given[:MAX_LENGTH].rstrip(),
        surname_standard=transliterate(surname),
        given_standard=transliterate(given),
    )
