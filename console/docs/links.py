"""`{% docs_url "how-to/rotate" "anchor" %}`: a page of the documentation."""

from django import template

from core.docs_links import docs_path

register = template.Library()
register.simple_tag(docs_path, name="docs_url")
