"""Every address of the application; who may go there stands in `roaddamage.web.access`."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import path
from django.views.i18n import set_language

from roaddamage.web import damage_page, deciding, evidence, figures, home, reviewing, stops, work_lists

urlpatterns = [
    path("", home.home, name="home"),
    path("login/", auth.LoginView.as_view(template_name="web/login.html"), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("password/", home.PasswordView.as_view(), name="password"),
    path("work-lists/", work_lists.work_lists, name="work_lists"),
    path("work-lists/new/", work_lists.work_list_new, name="work_list_new"),
    path("work-lists/<int:number>/", work_lists.work_list, name="work_list"),
    path("work-lists/<int:number>/order/", work_lists.work_list_order, name="work_list_order"),
    path("work-lists/<int:number>/list.<slug:kind>", work_lists.work_list_file, name="work_list_file"),
    path("stops/<int:number>/", stops.stop, name="stop"),
    path("stops/<int:number>/done/", stops.stop_done, name="stop_done"),
    path("stops/<int:number>/undo/", stops.stop_undo, name="stop_undo"),
    path("stops/<int:number>/picture.jpg", stops.stop_picture, name="stop_picture"),
    path("stops/<int:number>/photo.jpg", stops.photo, name="photo"),
    path("figures/", figures.figures, name="figures"),
    path("figures/weekly.csv", figures.figures_csv, name="figures_csv"),
    path("figures/patrol/", figures.figures_patrol, name="figures_patrol"),
    path("language/", set_language, name="set_language"),
    path("review/", reviewing.review, name="review"),
    path("review/undo/", deciding.undo, name="undo"),
    path("review/<int:number>/", reviewing.card, name="review_card"),
    path("damages/<int:number>/", damage_page.damage, name="damage"),
    path("damages/<int:number>/decide/", deciding.decide, name="decide"),
    path("damages/<int:number>/comment/", deciding.comment, name="comment"),
    path("evidence/<int:sighting>/<slug:kind>/", evidence.evidence, name="evidence"),
    path("admin/", admin.site.urls),
]

handler500 = "roaddamage.web.away.failed"
