"""Every address of the application; who may go there stands in `roaddamage.web.access`."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import path
from django.views.i18n import set_language

from roaddamage.web import home

urlpatterns = [
    path("", home.home, name="home"),
    path("login/", auth.LoginView.as_view(template_name="web/login.html"), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("password/", home.PasswordView.as_view(), name="password"),
    path("language/", set_language, name="set_language"),
    path("admin/", admin.site.urls),
]
