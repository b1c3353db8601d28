"""Routes of this app."""

from django.urls import path

from campaigns.views import (
    campaign_page,
    campaigns,
    change_bulk,
    change_list,
    changes,
    connections,
    export,
    health,
    imports,
    labels,
    saved_views,
    syncs,
    targets,
)

app_name = "campaigns"
urlpatterns: list = [
    # Campaigns: the list, one campaign, data health.
    path("campaigns/", campaigns.campaign_list, name="campaign_list"),
    path("campaigns/export/", export.campaign_export, name="campaign_export"),
    path("campaigns/labels/add/", labels.campaign_label_bulk_add, name="campaign_label_bulk_add"),
    path("campaigns/labels/remove/", labels.campaign_label_bulk_remove, name="campaign_label_bulk_remove"),
    path("campaigns/labels/undo/<int:pk>/", labels.campaign_label_undo, name="campaign_label_undo"),
    path("campaigns/views/add/", saved_views.campaign_view_create, name="campaign_view_create"),
    path("campaigns/views/<slug:key>/rename/", saved_views.campaign_view_rename, name="campaign_view_rename"),
    path("campaigns/views/<slug:key>/delete/", saved_views.campaign_view_delete, name="campaign_view_delete"),
    path("campaigns/<int:pk>/", campaign_page.campaign_detail, name="campaign_detail"),
    path("campaigns/<int:pk>/days/<str:day>/", campaign_page.campaign_day_panel, name="campaign_day_panel"),
    path("campaigns/<int:pk>/labels/add/", labels.campaign_label_add_one, name="campaign_label_add_one"),
    path("campaigns/<int:pk>/labels/remove/", labels.campaign_label_remove_one, name="campaign_label_remove_one"),
    # Changes on the platforms.
    path("campaigns/<int:pk>/pause/", changes.campaign_pause, name="campaign_pause"),
    path("campaigns/<int:pk>/enable/", changes.campaign_enable, name="campaign_enable"),
    path("campaigns/<int:pk>/budget/", changes.campaign_budget, name="campaign_budget"),
    path("campaigns/<int:pk>/targets/", targets.campaign_targets, name="campaign_targets"),
    path("campaigns/<int:pk>/changes/", changes.campaign_change_panel, name="campaign_change_panel"),
    path("campaigns/changes/cells/", changes.campaign_change_cells, name="campaign_change_cells"),
    path("campaigns/changes/bulk/", change_bulk.campaign_change_bulk, name="campaign_change_bulk"),
    path("changes/", change_list.change_list, name="change_list"),
    path("changes/export/", change_list.change_export, name="change_export"),
    path("changes/<int:pk>/undo/", changes.change_undo, name="change_undo"),
    path("changes/batches/<str:batch>/", change_bulk.change_batch_panel, name="change_batch_panel"),
    path("changes/batches/<str:batch>/undo/", change_bulk.change_batch_undo, name="change_batch_undo"),
    path("data-health/", health.data_health, name="data_health"),
    # Connections.
    path("connections/", connections.connection_list, name="connection_list"),
    path("connections/<int:pk>/", connections.connection_detail, name="connection_detail"),
    path("connections/<int:pk>/progress/", connections.connection_progress_panel, name="connection_progress_panel"),
    path("connections/<int:pk>/attach/", connections.connection_attach, name="connection_attach"),
    path("connections/<int:pk>/refresh/", connections.connection_refresh, name="connection_refresh"),
    path("connections/<int:pk>/reauthorise/", connections.connection_reauthorise, name="connection_reauthorise"),
    path("connections/<int:pk>/remove/", connections.connection_remove, name="connection_remove"),
    path(
        "connections/accounts/<int:pk>/disconnect/",
        connections.connection_account_disconnect,
        name="connection_account_disconnect",
    ),
    path("connections/<str:platform>/start/", connections.connection_start, name="connection_start"),
    path("connections/<str:platform>/callback/", connections.connection_callback, name="connection_callback"),
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
