"""Which columns hold personal data: the one list that encryption, masking, exports and anonymising go by.

Every column that can hold text stands here, as personal or as not: a test fails for one that is in neither list, so
that a new column is a decision. Personal data of the product's own tables is encrypted, or a keyed hash, or (where
the database must compare it) named in PLAIN with the reason.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class TextColumns:
    """The text columns of one table. `secret` ones are credentials: masked everywhere, exported never."""

    personal: frozenset[str] = frozenset()
    secret: frozenset[str] = frozenset()
    other: frozenset[str] = frozenset()


def _columns(personal: str = "", *, secret: str = "", other: str = "") -> TextColumns:
    return TextColumns(frozenset(personal.split()), frozenset(secret.split()), frozenset(other.split()))


# Table → its text columns (field names of the model).
REGISTRY: dict[str, TextColumns] = {
    # Workspaces. Their names are company names, chosen to be seen.
    "tenants": _columns(
        other="name slug domain plan stripe_customer_id settings feature_flags reporting_currency timezone"
    ),
    "job_runs": _columns(other="job task_id counts outcome error"),
    # People and their trail.
    "users": _columns(
        "email email_hash full_name phone avatar_url",
        secret="password",  # noqa: S106 - the column's name
        other="role permissions locale timezone preferences",
    ),
    "audit_logs": _columns(
        "ip_address user_agent",
        other="action resource_type resource_id old_value new_value changed_fields request_id endpoint http_method "
        "actor_kind actor_label reason",
    ),
    "audit_links": _columns(other="digest"),
    # E-mail, and who does not want it.
    "email_messages": _columns(
        "address address_hash subject text html",
        other="kind state error_code error message_id dedupe_key",
    ),
    "email_attachments": _columns("name content", other="content_type"),
    "email_suppressions": _columns("address_hash", other="kind way"),
    # Campaigns and their numbers: audiences are counted, never listed.
    "connections": _columns(
        secret="access_token refresh_token code code_verifier",  # noqa: S106 - the columns' names
        other="platform status scopes redirect_uri listed_accounts last_error",
    ),
    "ad_accounts": _columns(other="platform external_id name currency timezone status login_id last_error"),
    "campaigns": _columns(
        other="platform external_id account_id name status objective currency targeting_genders targeting_locations "
        "targeting_interests demographics_age demographics_gender demographics_location labels raw_data sync_error "
        "budget_lock budget_object delivery_note"
    ),
    "campaign_changes": _columns(
        other="field old_status new_status origin actor_label state error error_kind error_code request_id "
        "revert_note"
    ),
    "campaign_metrics": _columns(other="demographics"),
    "daily_totals": _columns(other="platform currency"),
    "metric_revisions": _columns(other="source old_extras new_extras"),
    "import_batches": _columns(
        other="platform status filename file file_sha256 content_hash answers preview control warnings counts "
        "error_code error"
    ),
    "sync_runs": _columns(other="status trigger phase plan lease counts error error_kind error_code request_id"),
    "exchange_rates": _columns(other="currency source"),
    # Creatives, competitors, forecasts.
    "creative_assets": _columns(
        other="name asset_type file_url thumbnail_url file_format tags folder ai_description ai_tags"
    ),
    "competitor_benchmarks": _columns(
        other="domain name meta_title meta_description meta_keywords social_links traffic_trend top_keywords "
        "detected_ad_platforms metrics_history data_source fetch_error"
    ),
    "ml_predictions": _columns(other="model_type model_version input_hash feature_importances"),
    # Rules.
    "rules": _columns(
        other="name description status condition_field condition_operator condition_value condition_tree action_type "
        "action_config applies_to_campaigns applies_to_platforms applies_to_statuses held_reason "
        "schedule stopped_reason"
    ),
    "rule_executions": _columns(other="outcome condition_result action_result error"),
    "rule_versions": _columns(other="settings actor_label"),
    "rule_states": _columns(other="outcome"),
    "alerts": _columns(other="severity status title body data cause told_severity"),
    "notification_preferences": _columns(other="channels digest_channels muted_rules"),
    "alert_deliveries": _columns(other="severity channel state reason"),
    "escalations": _columns(other="severity steps"),
    "slack_installs": _columns(
        secret="access_token refresh_token",  # noqa: S106 - the columns' names
        other="team_id team_name bot_user_id app_id scope status last_error",
    ),
    "slack_targets": _columns(secret="url token", other="name kind channel status last_error"),  # noqa: S106
    "slack_messages": _columns(other="payload state error_code error ts"),
    # Reports name campaigns, accounts and rules, never people; a recipient is an id or a keyed hash.
    "report_schedules": _columns(
        "addresses",
        other="name kind timezone currency locale user_ids slack_target_ids contact_ids template_name sections "
        "filters last_error",
    ),
    "reports": _columns(other="zone content restated content_hash pdf csv"),
    "report_deliveries": _columns(other="channel recipient state reason"),
    "whatsapp_codes": _columns(secret="code_hash", other="kind payload payload_hash"),  # noqa: S106
    "whatsapp_commands": _columns(other="verb outcome made"),
    # WhatsApp.
    "whatsapp_contacts": _columns(
        "phone_number phone_hash country_code display_name wa_id wa_user_id profile_name profile_picture_url",
        secret="verification_code",  # noqa: S106 - the column's name
        other="opt_in_status opt_in_method notification_types quiet_hours timezone language",
    ),
    "whatsapp_messages": _columns(
        "content template_variables media_url recipient_wa_id wamid context_wamid",
        other="direction message_type template_name media_type status status_history error_code error_message "
        "purpose dedupe_key reply_id",
    ),
    "whatsapp_numbers": _columns(
        secret="token",  # noqa: S106 - the column's name
        other="name phone_number_id waba_id display_phone_number verified_name quality_rating messaging_limit status "
        "error_code last_error templates_result",
    ),
    "whatsapp_consents": _columns("text wamid", other="kind way"),
    "whatsapp_unmatched": _columns("sender_hash user_hash profile_name payload event_key wamid", other="kind"),
    # Speaks of several workspaces: shown to nobody.
    "whatsapp_webhooks": _columns(secret="body", other="body_sha256 state counts error"),  # noqa: S106
    "whatsapp_templates": _columns(
        other="name language category status components variables quality_score rejected_reason external_id"
    ),
    # Tables of the libraries. `username` of axes is the keyed hash of the address; post_data is masked.
    "axes_accessattempt": _columns(
        "user_agent ip_address username", other="http_accept path_info get_data post_data"
    ),
    "axes_accessattemptexpiration": _columns(),
    "axes_accessfailurelog": _columns("user_agent ip_address username", other="http_accept path_info"),
    "axes_accesslog": _columns(
        "user_agent ip_address username", secret="session_hash", other="http_accept path_info"  # noqa: S106
    ),
    "auth_group": _columns(other="name"),
    "auth_permission": _columns(other="name codename"),
    "django_admin_log": _columns(other="object_id object_repr change_message"),
    "django_content_type": _columns(other="app_label model"),
    "django_session": _columns(secret="session_key session_data"),  # noqa: S106 - the columns' names
}  # fmt: skip

# Personal columns that are not encrypted, and why.
PLAIN: dict[str, str] = {
    "users.email_hash": "keyed hash, for look-ups",
    "users.avatar_url": "an address of a picture the person chose to show to colleagues",
    "email_messages.address_hash": "keyed hash, for look-ups",
    "email_suppressions.address_hash": "keyed hash, for look-ups",
    "audit_logs.ip_address": "evidence of who acted; shown to admins of the workspace only",
    "audit_logs.user_agent": "evidence of who acted; shown to admins of the workspace only",
    "whatsapp_contacts.phone_hash": "keyed hash, for look-ups",
    "whatsapp_contacts.country_code": "a country, not a person, once the number is gone",
    "whatsapp_contacts.wa_id": "compared with every webhook",
    "whatsapp_contacts.wa_user_id": "compared with every webhook",
    "whatsapp_contacts.profile_picture_url": "expires within days by the platform's own rule",
    "whatsapp_unmatched.sender_hash": "keyed hash, for look-ups",
    "whatsapp_unmatched.user_hash": "keyed hash, for look-ups",
    "whatsapp_unmatched.event_key": "holds WhatsApp's id, compared with every webhook",
    "whatsapp_unmatched.wamid": "holds the number; compared with every webhook",
    "whatsapp_consents.wamid": "holds the number; compared with every webhook; emptied when the contact is removed",
    "whatsapp_messages.wamid": "holds the number; compared with every webhook; hashed when the contact is removed",
    "whatsapp_messages.context_wamid": "holds the number; compared with wamid; emptied when the contact is removed",
    "whatsapp_messages.recipient_wa_id": "compared with every webhook",
    "whatsapp_messages.template_variables": "figures of a report, handed to the platform as they stand",
    "whatsapp_messages.media_url": "a link of the platform that expires within minutes",
}


def masked_columns(table: str) -> frozenset[str]:
    """Columns of a table whose values never enter the audit trail or a log: personal data and secrets."""
    columns = REGISTRY.get(table, TextColumns())
    return columns.personal | columns.secret
