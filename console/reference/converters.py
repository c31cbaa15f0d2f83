"""URL path converters."""


class OperationIdConverter:
    """An operation ID as one segment of a path.

    Operation IDs can contain slashes. Servers and browsers change paths with dot segments, empty
    segments or a final slash, so slashes are escaped as in JSON pointers (RFC 6901 §3).
    """

    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        return value.replace("~1", "/").replace("~0", "~")

    def to_url(self, value: str) -> str:
        return value.replace("~", "~0").replace("/", "~1")
