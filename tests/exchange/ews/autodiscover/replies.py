"""Replies of an autodiscover service in both dialects."""

from tests.exchange.ews.wire import CLOSING, OPENING

NAMESPACE = "http://schemas.microsoft.com/exchange/2010/Autodiscover"


def soap(code: str = "NoError", target: str = "", external: str = "", internal: str = "", response: str = "") -> bytes:
    settings = "".join(
        f"<UserSetting><Name>{name}</Name><Value>{text}</Value></UserSetting>"
        for name, text in (("ExternalEwsUrl", external), ("InternalEwsUrl", internal))
        if text
    )
    redirect = f"<RedirectTarget>{target}</RedirectTarget>" if target else "<RedirectTarget/>"
    return (
        f'{OPENING}<GetUserSettingsResponseMessage xmlns="{NAMESPACE}"><Response><ErrorCode>{response or "NoError"}'
        f"</ErrorCode><ErrorMessage/><UserResponses><UserResponse><ErrorCode>{code}</ErrorCode><ErrorMessage/>{redirect}"
        f"<UserSettingErrors/><UserSettings>{settings}</UserSettings></UserResponse></UserResponses></Response>"
        f"</GetUserSettingsResponseMessage>{CLOSING}"
    ).encode()


def pox(content: str) -> bytes:
    outlook = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
    return (
        '<?xml version="1.0" encoding="utf-8"?><Autodiscover'
        ' xmlns="http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006">'
        f'<Response xmlns="{outlook}">{content}</Response></Autodiscover>'
    ).encode()


def pox_settings(external: str = "", internal: str = "") -> bytes:
    protocols = "".join(
        f"<Protocol><Type>{kind}</Type><Server>s</Server><EwsUrl>{url}</EwsUrl></Protocol>"
        for kind, url in (("EXCH", internal), ("EXPR", external))
        if url
    )
    return pox(f"<Account><AccountType>email</AccountType><Action>settings</Action>{protocols}</Account>")


def pox_redirect(action: str, element: str, target: str) -> bytes:
    return pox(f"<Account><Action>{action}</Action><{element}>{target}</{element}></Account>")


def pox_error(code: str) -> bytes:
    return pox(f"<Error><ErrorCode>{code}</ErrorCode><Message>m</Message><DebugData/></Error>")
