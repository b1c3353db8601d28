"""Routes of rules, their activity and alerts."""

from django.urls import path

from rules import views

app_name = "rules"
urlpatterns = [
    path("rules/", views.rule_list, name="rule_list"),
    path("rules/new/", views.rule_create, name="rule_create"),
    path("rules/new/preview/", views.rule_preview_panel, name="rule_preview_panel"),
    path("rules/new/sentence/", views.rule_builder_panel, name="rule_builder_panel"),
    path("rules/new/campaigns/", views.rule_campaigns_panel, name="rule_campaigns_panel"),
    path("rules/new/replay/", views.rule_replay_draft, name="rule_replay_draft"),
    path("rules/replay/", views.replay_draft, name="replay_draft"),
    path("rules/replay/progress/", views.replay_progress_panel, name="replay_progress_panel"),
    path("rules/evaluate/", views.rule_evaluate_all, name="rule_evaluate_all"),
    path("rules/freeze/", views.automation_freeze, name="automation_freeze"),
    path("rules/unfreeze/", views.automation_unfreeze, name="automation_unfreeze"),
    path("rules/slack/", views.slack_target_list, name="slack_target_list"),
    path("rules/slack/new/", views.slack_target_create, name="slack_target_create"),
    path("rules/slack/<int:pk>/test/", views.slack_target_test, name="slack_target_test"),
    path("rules/slack/<int:pk>/remove/", views.slack_target_remove, name="slack_target_remove"),
    path("rules/today/", views.home_panel, name="home_panel"),
    path("rules/waiting/", views.waiting_count_panel, name="waiting_count_panel"),
    path("rules/campaigns/<int:pk>/", views.campaign_panel, name="campaign_panel"),
    path("rules/<int:pk>/", views.rule_detail, name="rule_detail"),
    path("rules/<int:pk>/worth/export/", views.rule_account_export, name="rule_account_export"),
    path("rules/<int:pk>/edit/", views.rule_edit, name="rule_edit"),
    path("rules/<int:pk>/status/", views.rule_status, name="rule_status"),
    path("rules/<int:pk>/evaluate/", views.rule_evaluate, name="rule_evaluate"),
    path("rules/<int:pk>/replay/", views.rule_replay, name="rule_replay"),
    path("rules/<int:pk>/duplicate/", views.rule_duplicate, name="rule_duplicate"),
    path("rules/<int:pk>/delete/", views.rule_delete, name="rule_delete"),
    path("rules/<int:pk>/restore/", views.rule_restore, name="rule_restore"),
    path("rules/<int:pk>/approve/", views.rule_approve, name="rule_approve"),
    path("rules/<int:pk>/dismiss/", views.rule_dismiss, name="rule_dismiss"),
    path("activity/<int:pk>/undo/", views.execution_undo, name="execution_undo"),
    path("activity/", views.activity_list, name="activity_list"),
    path("alerts/", views.alert_list, name="alert_list"),
    path("alerts/acknowledge/", views.alert_acknowledge_many, name="alert_acknowledge_many"),
    path("alerts/bell/", views.alert_bell_panel, name="alert_bell_panel"),
    path("alerts/<int:pk>/acknowledge/", views.alert_acknowledge, name="alert_acknowledge"),
    path("alerts/<int:pk>/snooze/", views.alert_snooze, name="alert_snooze"),
    path("alerts/<int:pk>/assign/", views.alert_assign, name="alert_assign"),
    path("alerts/<int:pk>/reopen/", views.alert_reopen, name="alert_reopen"),
]
