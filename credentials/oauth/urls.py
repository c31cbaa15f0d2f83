from django.urls import path

from credentials.oauth import views

app_name = "oauth"
urlpatterns = [path("token", views.token, name="token")]
