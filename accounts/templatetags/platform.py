"""What the platform calls itself and its things. Every template has these tags."""

from django import template

from accounts.platform import words

register = template.Library()
register.simple_tag(words.platform_name)
register.simple_tag(words.console_name)
register.simple_tag(words.word)
