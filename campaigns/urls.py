"""Routes of this app."""

from django.urls import path

from campaigns.views import campaign_page, campaigns, export, health, imports, syncs

app_name = "campaigns"
urlpatterns: list = [
    # Campaigns: the list, one campaign, data health.
    path("campaigns/", campaigns.campaign_list, name="campaign_list"),
    path("campaigns/export/", export.campaign_export, name="campaign_export"),
    path("campaigns/labels/add/", campaigns.campaign_label_bulk_add, name="campaign_label_bulk_add"),
    path("campaigns/labels/remove/", campaigns.campaign_label_bulk_remove, name="campaign_label_bulk_remove"),
    path("campaigns/labels/undo/<int:pk>/", campaigns.campaign_label_undo, name="campaign_label_undo"),
    path("campaigns/views/add/", campaigns.campaign_view_create, name="campaign_view_create"),
    path("campaigns/views/<slug:key>/rename/", campaigns.campaign_view_rename, name="campaign_view_rename"),
    path("campaigns/views/<slug:key>/delete/", campaigns.campaign_view_delete, name="campaign_view_delete"),
    path("campaigns/<int:pk>/", campaign_page.campaign_detail, name="campaign_detail"),
    path("campaigns/<int:pk>/days/<str:day>/", campaign_page.campaign_day_panel, name="campaign_day_panel"),
    path("campaigns/<int:pk>/labels/add/", campaigns.campaign_label_add_one, name="campaign_label_add_one"),
    path("campaigns/<int:pk>/labels/remove/", campaigns.campaign_label_remove_one, name="campaign_label_remove_one"),
    path("data-health/", health.data_health, name="data_health"),
    # Syncs of ad accounts.
    path("accounts/sync/", syncs.account_sync_all, name="account_sync_all"),
    path("accounts/<int:pk>/sync/", syncs.account_sync, name="account_sync"),
    path("accounts/<int:pk>/sync/progress/", syncs.sync_progress_panel, name="sync_progress_panel"),
    path("accounts/<int:pk>/syncs/", syncs.sync_list, name="sync_list"),
    path("accounts/<int:pk>/syncs/<int:run>/", syncs.sync_detail, name="sync_detail"),
    # Imports.
    path("imports/", imports.import_list, name="import_list"),
    path("imports/upload/", imports.import_upload, name="import_upload"),
    path("imports/<int:pk>/", imports.import_detail, name="import_detail"),
    path("imports/<int:pk>/progress/", imports.import_progress_panel, name="import_progress_panel"),
    path("imports/<int:pk>/confirm/", imports.import_confirm, name="import_confirm"),
    path("imports/<int:pk>/cancel/", imports.import_cancel, name="import_cancel"),
    path("imports/<int:pk>/retry/", imports.import_retry, name="import_retry"),
    path("imports/<int:pk>/undo/", imports.import_undo, name="import_undo"),
    path("imports/<int:pk>/warnings/", imports.import_warnings, name="import_warnings"),
]
