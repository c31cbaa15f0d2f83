"""`{% load wording %}`: the sentences of `credentials/wording.py` as filters."""

from django import template

from credentials import wording

register = template.Library()
for sentence in (
    wording.status_in_words,
    wording.time_left,
    wording.end_in_words,
    wording.networks_in_words,
    wording.pause_in_words,
):
    register.filter(sentence.__name__, sentence)
