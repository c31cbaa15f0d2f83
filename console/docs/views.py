from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_safe

from accounts.environments import Environment
from console.docs.docs_search import found_sections
from console.docs.library import (
    INDEX,
    entries,
    images,
    linked_files,
    neighbors,
    pages,
    sections,
)
from console.docs.rendering import rendered
from console.docs.samples import Reader, is_personal, reader_of

# Files and texts are the same for everyone, and change only with a new version.
_CACHED = {"Cache-Control": "public, max-age=3600"}
_IMAGE_TYPES = {".png": "image/png", ".svg": "image/svg+xml"}


@login_not_required
@require_safe
def docs_page(request: HttpRequest, page: str = INDEX) -> HttpResponse:
    if page not in pages():
        raise Http404
    shown = rendered(page)
    previous, following = neighbors(page)
    context: dict[str, Any] = {
        "page": pages()[page],
        "entry": entries().get(page),
        "sections": sections(),
        "headings": shown.headings,
        "previous": previous,
        "following": following,
    }
    if is_personal(shown.html):
        reader = reader_of(
            request.user,
            environment=request.GET.get("environment", ""),
            client_id=request.GET.get("client_id", ""),
        )
        context |= {"reader": reader, "environments": list(Environment)}
    else:
        reader = Reader()
    html = reader.fill_in(shown.html)
    context["html"] = mark_safe(html)  # noqa: S308 - rendered from our files, without their HTML
    return render(request, "console/docs/page.html", context)


@login_not_required
@require_safe
def docs_markdown(request: HttpRequest, page: str = INDEX) -> HttpResponse:
    if page not in pages():
        raise Http404
    text = pages()[page].markdown
    return HttpResponse(text, "text/markdown; charset=utf-8", headers=_CACHED)


@login_not_required
@require_safe
def docs_image(request: HttpRequest, image: str) -> HttpResponse:
    file = images().get(image)
    if file is None:
        raise Http404
    return HttpResponse(file.read_bytes(), _IMAGE_TYPES[file.suffix], headers=_CACHED)


@login_not_required
@require_safe
def docs_file(request: HttpRequest, file: str) -> HttpResponse:
    """A file that a page links to, such as an example, as text."""
    found = linked_files().get(file)
    if found is None:
        raise Http404
    return HttpResponse(found.read_bytes(), "text/plain; charset=utf-8", headers=_CACHED)


@login_not_required
@require_safe
def docs_search(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "").strip()[:100]
    context = {"query": query, "hits": found_sections(query), "sections": sections()}
    return render(request, "console/docs/search.html", context)
