"""Every address of the application; who may go there stands in `roaddamage.web.access`."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import views as auth
from django.urls import path
from django.views.i18n import set_language

from roaddamage.api.api import api
from roaddamage.api.ogc import ogc
from roaddamage.web import (
    audit_log,
    bulk,
    damage_list,
    damage_map,
    damage_page,
    deciding,
    drive_page,
    drives,
    evidence,
    figures,
    home,
    joining,
    people,
    reviewing,
    stops,
    tokens,
    webhooks,
    upload_page,
    work_lists,
)

urlpatterns = [
    path("", home.home, name="home"),
    path("login/", auth.LoginView.as_view(template_name="web/login.html"), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("password/", home.PasswordView.as_view(), name="password"),
    path("work-lists/", work_lists.work_lists, name="work_lists"),
    path("work-lists/new/", work_lists.work_list_new, name="work_list_new"),
    path("work-lists/<int:number>/", work_lists.work_list, name="work_list"),
    path("work-lists/<int:number>/change/", work_lists.work_list_change, name="work_list_change"),
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
    path("map/", damage_map.map_page, name="map"),
    path("map/frame/", damage_map.map_frame, name="map_frame"),
    path("map/basemap.pmtiles", damage_map.basemap, name="basemap"),
    path("map/damages", damage_map.map_damages, name="map_damages"),
    path("map/damages/<int:number>", damage_map.map_damage, name="map_damage"),
    path("damages/", damage_list.damage_list, name="damages"),
    path("damages/list.csv", damage_list.damage_csv, name="damages_csv"),
    path("damages/decide/", bulk.decide_many, name="damages_decide"),
    path("damages/<int:number>/", damage_page.damage, name="damage"),
    path("damages/<int:number>/decide/", deciding.decide, name="decide"),
    path("damages/<int:number>/comment/", deciding.comment, name="comment"),
    path("damages/<int:number>/join/", joining.damage_join, name="damage_join"),
    path("damages/<int:number>/part/", joining.damage_part, name="damage_part"),
    path("evidence/<int:sighting>/<slug:kind>/", evidence.evidence, name="evidence"),
    path("upload/", upload_page.upload, name="upload"),
    path("upload/new/", upload_page.batch_new, name="batch_new"),
    path("upload/<slug:uid>/", upload_page.batch, name="batch"),
    path("upload/<slug:uid>/progress/", upload_page.batch_progress, name="batch_progress"),
    path("upload/<slug:uid>/recognise/", upload_page.batch_recognise, name="batch_recognise"),
    path("drives/", drives.drives, name="drives"),
    path("drives/queue/", drives.queue, name="queue"),
    path("drives/basemap.js", drive_page.basemap_script, name="basemap_script"),
    path("drives/<int:number>/", drive_page.drive, name="drive"),
    path("drives/<int:number>/progress/", drive_page.drive_progress, name="drive_progress"),
    path("drives/<int:number>/frame.jpg", drive_page.drive_frame, name="drive_frame"),
    path("drives/<int:number>/basemap.json", drive_page.drive_basemap, name="drive_basemap"),
    path("drives/<int:number>/vehicle/", drive_page.drive_vehicle, name="drive_vehicle"),
    path("drives/<int:number>/log/", drive_page.drive_log, name="drive_log"),
    path("drives/<int:number>/clock/", drive_page.drive_clock, name="drive_clock"),
    path("drives/<int:number>/start/", drive_page.drive_start, name="drive_start"),
    path("drives/<int:number>/cancel/", drive_page.drive_cancel, name="drive_cancel"),
    path("people/", people.people, name="people"),
    path("people/new/", people.person_new, name="person_new"),
    path("people/<int:number>/", people.person, name="person"),
    path("people/<int:number>/password/", people.person_password, name="person_password"),
    path("people/<int:number>/unlock/", people.person_unlock, name="person_unlock"),
    path("tokens/", tokens.tokens, name="tokens"),
    path("tokens/new/", tokens.token_new, name="token_new"),
    path("tokens/<int:number>/withdraw/", tokens.token_withdraw, name="token_withdraw"),
    path("webhooks/", webhooks.webhooks, name="webhooks"),
    path("webhooks/new/", webhooks.webhook_new, name="webhook_new"),
    path("webhooks/<int:number>/change/", webhooks.webhook_change, name="webhook_change"),
    path("log/", audit_log.audit, name="audit"),
    path("log/log.csv", audit_log.audit_csv, name="audit_csv"),
    path("api/", api.urls),
    path("ogc/", ogc.urls),
    path("admin/", admin.site.urls),
]

handler400 = "roaddamage.web.refused.bad_request"
handler403 = "roaddamage.web.refused.forbidden"
handler404 = "roaddamage.web.refused.not_found"
handler500 = "roaddamage.web.away.failed"
