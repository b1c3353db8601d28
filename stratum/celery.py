"""The Celery application. The beat table is the one place that says which job runs when."""

import os

from celery import Celery
from celery.schedules import crontab

from stratum.lib.hourly import PASS_MINUTES, SYNC_MINUTE

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "stratum.settings")

app = Celery("stratum", task_cls="tenants.tasks:TenantTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Fixed minutes, no two jobs on the same one and none at minute 0, so that jobs do not start in a heap.
app.conf.beat_schedule = {
    "rules.evaluate_all": {
        "task": "rules.evaluate_all",
        "schedule": crontab(minute=",".join(str(minute) for minute in PASS_MINUTES)),
    },
    # Shortly after every quarter of an hour, at which midnight comes somewhere.
    "rules.revert_due_changes": {
        "task": "rules.revert_due_changes",
        "schedule": crontab(minute="1,6,11,16,21,26,31,36,46,51,56"),
    },
    "rules.deliver_alerts": {"task": "rules.deliver_alerts", "schedule": 60.0},
    # Digests have a time of day in quarters of an hour, which is where midnights lie too.
    "rules.send_alert_digests": {"task": "rules.send_alert_digests", "schedule": crontab(minute="2,17,32,47")},
    # A little after every quarter of an hour: reports are sent at such times of day.
    "rules.send_reports": {"task": "rules.send_reports", "schedule": crontab(minute="5,20,35,50")},
    "rules.send_due_slack": {"task": "rules.send_due_slack", "schedule": 60.0},
    "rules.refresh_slack": {"task": "rules.refresh_slack", "schedule": 60.0},
    "rules.answer_due_whatsapp": {"task": "rules.answer_due_whatsapp", "schedule": 20.0},
    "whatsapp.process_webhooks": {"task": "whatsapp.process_webhooks", "schedule": 20.0},
    "whatsapp.send_due": {"task": "whatsapp.send_due", "schedule": 30.0},
    "whatsapp.purge_webhooks": {"task": "whatsapp.purge_webhooks", "schedule": crontab(minute=39, hour=2)},
    "accounts.send_due_email": {"task": "accounts.send_due_email", "schedule": 60.0},
    "campaigns.sync_all": {"task": "campaigns.sync_all", "schedule": crontab(minute=SYNC_MINUTE)},
    "campaigns.resume_syncs": {"task": "campaigns.resume_syncs", "schedule": 30.0},
    "campaigns.resume_imports": {"task": "campaigns.resume_imports", "schedule": 60.0},
    "campaigns.resume_connections": {"task": "campaigns.resume_connections", "schedule": 60.0},
    "campaigns.refresh_tokens": {"task": "campaigns.refresh_tokens", "schedule": crontab(minute=52, hour=3)},
    "campaigns.resume_changes": {"task": "campaigns.resume_changes", "schedule": 60.0},
    "campaigns.load_exchange_rates": {
        "task": "campaigns.load_exchange_rates",
        "schedule": crontab(minute=23, hour=16),
    },
    # Both find what is due: a day old, or asked for and lost with its worker.
    "whatsapp.check_numbers": {
        "task": "whatsapp.check_numbers",
        "schedule": crontab(minute="3,13,33,43,53"),
    },
    "whatsapp.sync_templates": {
        "task": "whatsapp.sync_templates",
        "schedule": crontab(minute="8,18,28,38,48,58"),
    },
    "tenants.expire_plans": {"task": "tenants.expire_plans", "schedule": crontab(minute=41, hour=1)},
}
