from django.urls import path

from credentials.oauth import views

app_name = "oauth"
urlpatterns = [
    path("token", views.token, name="token"),
    path("revoke", views.revoke, name="revoke"),
    path("introspect", views.introspect, name="introspect"),
    path("verify", views.verify, name="verify"),
    path("report-refusal", views.report_refusal, name="report_refusal"),
    path("revoke-leaked", views.revoke_leaked, name="revoke_leaked"),
    path("jwks", views.jwks, name="jwks"),
]
