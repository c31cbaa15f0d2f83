"""The name of a browser and its system, from what it calls itself."""

from ua_parser import parse


def described(user_agent: str) -> str:
    """`Firefox on Linux`. Don't rely on it: senders choose their own User-Agent header."""
    found = parse(user_agent)
    browser = found.user_agent.family if found.user_agent else ""
    system = found.os.family if found.os else ""
    if not (browser or system):
        return user_agent[:60] or "an unknown browser"
    return " on ".join(filter(None, (browser or "A browser", system)))
