"""Names that programs use for secrets."""

import base64
import re

SCHEMES = (b"basic", b"bearer", b"ntlm", b"negotiate", b"digest")
SECRETS = (
    *(b"secret", b"assertion", b"passw", b"passphrase", b"passcode", b"pwd", b"kennwort", b"token", b"credential"),
    *(b"api_key", b"api-key", b"api key", b"apikey", b"access_key", b"access-key", b"accesskey", b"account_key"),
    *(b"account-key", b"accountkey", b"private_key", b"private-key", b"private key", b"privatekey", b"signature"),
    *(b"cookie", b"authorization", b"canary", b"sessionid", b"session_id", b"session-id", b"samlresponse", b"ticket"),
)
"""In lower case: a name denotes a secret if it contains one of these."""

ENCODED = tuple(
    dict.fromkeys(
        base64.b64encode(bytes(before) + name)[(0, 2, 3)[before] : (4 * (before + len(name))) // 3].lower()
        for name in (b"password", b"Password", b"secret", b"Secret", b"token", b"Token", b"PASSWORD", b"SECRET")
        for before in range(3)
    )
)
"""Some of the names as they appear in base64, in lower case."""

IDENTIFIER = re.compile(rb"[\w.-]{1,200}+")
_SPELLED = re.compile(rb"[\w.:$#@\[\]-]+(?: [\w-]+){0,3}")
_LONGEST = 100

_AT_THE_END = re.compile(
    rb"(?:secret|assertion|passw(?:or[dt]|d)?|passphrase|passcode|pwd|pass|kennwort|token|credential|signature|cookie"
    rb"|authorization|canary|session[ _-]?id|samlresponse|ticket|(?:api|access|account|private|secret)[ _-]?key)s?"
    rb"(?:[ _.-]?(?:value|text|hash|key|plain|b64|base64|encrypted|enc|old|new|\d{1,3}))?\]?\Z",
    re.IGNORECASE,
)
_ABOUT_SECRETS = re.compile(
    rb"(?:types?|endpoint|supported|expir\w{0,10}|lifetime|policy|uri|required|enabled|length)\Z",
    re.IGNORECASE,
)
_ERROR = re.compile(
    rb"(?:\w{1,20}:)?(?:error|invalid|missing|expired|unknown|wrong|bad|no|unsupported|un\w|failed)", re.IGNORECASE
)


_VALUE_KEY = re.compile(rb"(?:[\w.:-]*[_.:-])?(?:value|val|v|content|data)", re.IGNORECASE)


def is_key_of_value(key: bytes) -> bool:
    """Return whether what stands under a key is a value, even if it looks like a name by chance."""
    return _VALUE_KEY.fullmatch(key) is not None


def is_about_secrets(identifier: bytes) -> bool:
    """Return whether an identifier that contains such a name denotes something else, such as the type of a token."""
    return _ABOUT_SECRETS.search(identifier) is not None


def is_name(text: bytes) -> bool:
    """Return whether a whole text is the name of a secret."""
    return (
        len(text) <= _LONGEST
        and _SPELLED.fullmatch(text) is not None
        and _AT_THE_END.search(text) is not None
        and _ERROR.match(text) is None
    )
