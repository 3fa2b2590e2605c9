"""The languages Izwi can name, translate or speak, and what each engine calls them.

Izwi uses ISO 639-1 codes everywhere; the engines' own codes stay behind this table.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Language:
    name: str
    """In English, for messages to users."""
    iso3: str
    """ISO 639-3: how Apertium names the individual language in its newer pairs."""
    espeak: str
    """The espeak-ng voice."""


# ISO 639-1: name, ISO 639-3, and the espeak-ng voice where it is not the ISO 639-1 code.
_TABLE: dict[str, tuple[str, str] | tuple[str, str, str]] = {
    "af": ("Afrikaans", "afr"),
    "am": ("Amharic", "amh"),
    "an": ("Aragonese", "arg"),
    "ar": ("Arabic", "ara"),
    "as": ("Assamese", "asm"),
    "az": ("Azerbaijani", "aze"),
    "ba": ("Bashkir", "bak"),
    "be": ("Belarusian", "bel"),
    "bg": ("Bulgarian", "bul"),
    "bn": ("Bengali", "ben"),
    "br": ("Breton", "bre"),
    "bs": ("Bosnian", "bos"),
    "ca": ("Catalan", "cat"),
    "cs": ("Czech", "ces"),
    "cy": ("Welsh", "cym"),
    "da": ("Danish", "dan"),
    "de": ("German", "deu"),
    "el": ("Greek", "ell"),
    "en": ("English", "eng", "en-us"),
    "eo": ("Esperanto", "epo"),
    "es": ("Spanish", "spa"),
    "et": ("Estonian", "est"),
    "eu": ("Basque", "eus"),
    "fa": ("Persian", "fas"),
    "fi": ("Finnish", "fin"),
    "fr": ("French", "fra", "fr-fr"),
    "ga": ("Irish", "gle"),
    "gl": ("Galician", "glg"),
    "gu": ("Gujarati", "guj"),
    "he": ("Hebrew", "heb"),
    "hi": ("Hindi", "hin"),
    "hr": ("Croatian", "hrv"),
    "ht": ("Haitian Creole", "hat"),
    "hu": ("Hungarian", "hun"),
    "hy": ("Armenian", "hye"),
    "id": ("Indonesian", "ind"),
    "is": ("Icelandic", "isl"),
    "it": ("Italian", "ita"),
    "ja": ("Japanese", "jpn"),
    "ka": ("Georgian", "kat"),
    "kk": ("Kazakh", "kaz"),
    "kn": ("Kannada", "kan"),
    "ko": ("Korean", "kor"),
    "la": ("Latin", "lat"),
    "lb": ("Luxembourgish", "ltz"),
    "lt": ("Lithuanian", "lit"),
    "lv": ("Latvian", "lav"),
    "mi": ("Maori", "mri"),
    "mk": ("Macedonian", "mkd"),
    "ml": ("Malayalam", "mal"),
    "mr": ("Marathi", "mar"),
    "ms": ("Malay", "zlm"),
    "mt": ("Maltese", "mlt"),
    "my": ("Burmese", "mya"),
    "ne": ("Nepali", "nep"),
    "nl": ("Dutch", "nld"),
    "nn": ("Norwegian Nynorsk", "nno", "nb"),
    "no": ("Norwegian", "nob", "nb"),
    "oc": ("Occitan", "oci"),
    "pa": ("Punjabi", "pan"),
    "pl": ("Polish", "pol"),
    "pt": ("Portuguese", "por", "pt-br"),
    "ro": ("Romanian", "ron"),
    "ru": ("Russian", "rus"),
    "sc": ("Sardinian", "srd"),
    "sd": ("Sindhi", "snd"),
    "si": ("Sinhala", "sin"),
    "sk": ("Slovak", "slk"),
    "sl": ("Slovenian", "slv"),
    "sq": ("Albanian", "sqi"),
    "sr": ("Serbian", "srp"),
    "sv": ("Swedish", "swe"),
    "sw": ("Swahili", "swa"),
    "ta": ("Tamil", "tam"),
    "te": ("Telugu", "tel"),
    "th": ("Thai", "tha"),
    "tk": ("Turkmen", "tuk"),
    "tr": ("Turkish", "tur"),
    "tt": ("Tatar", "tat"),
    "uk": ("Ukrainian", "ukr"),
    "ur": ("Urdu", "urd"),
    "uz": ("Uzbek", "uzb"),
    "vi": ("Vietnamese", "vie"),
    "yue": ("Cantonese", "yue"),
    "zh": ("Chinese", "zho", "cmn"),
}

LANGUAGES = {
    code: Language(name=row[0], iso3=row[1], espeak=row[2] if len(row) == 3 else code) for code, row in _TABLE.items()
}

_FROM_NAME = {language.name.casefold(): code for code, language in LANGUAGES.items()}
_FROM_APERTIUM = {code: code for code in LANGUAGES} | {language.iso3: code for code, language in LANGUAGES.items()}


def from_apertium(code: str) -> str | None:
    """The ISO 639-1 code for one half of an Apertium mode's name (older modes use two letters), or None."""
    return _FROM_APERTIUM.get(code)


def display_name(code: str) -> str:
    """What to call a language in a message: its English name, or the code itself where we have none."""
    return LANGUAGES[code].name if code in LANGUAGES else code


def language_code(text: str) -> str:
    """The ISO 639-1 code of a language given by its code or its English name; anything else as it is, in lower case."""
    plain = text.strip().casefold()
    return _FROM_NAME.get(plain, plain)
