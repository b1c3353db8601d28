"""A report as it goes out: subject, text and page of the mail, the message to Slack, the one by WhatsApp.

All are made of the frozen blocks, so that a preview is what is sent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from accounts.choices import EmailKind
from accounts.emails import email_render
from accounts.services import Attachment
from rules.actions.letters import one_line
from rules.actions.slack_rows import escaped
from rules.services.reports.spreadsheet import report_csv

# Lines of the block about the last report that short messages carry.
RESTATED_LINES = 3


@dataclass(frozen=True, slots=True)
class Mail:
    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True)
class Files:
    pdf: bytes
    csv: bytes


Part = Mapping[str, Any]


def files_of(content: Part, restated: Part | None, digest: str) -> Files:
    # Here, not above: the library for PDFs would cost every process a good part of its start.
    from rules.services.reports.document import report_pdf

    return Files(report_pdf(content, restated, digest), report_csv(content, restated, digest))


def blocks_of(content: Part, restated: Part | None) -> list[Part]:
    """In the order in which they are read: what became of the last report comes first."""
    return ([restated["block"]] if restated else []) + content["blocks"]


def link_of(report_id: int | None) -> str:
    """Where the report stands; of a preview, the list of reports."""
    path = reverse("rules:report_detail", args=[report_id]) if report_id else reverse("rules:report_list")
    return settings.PUBLIC_URL + path


def file_name(content: Part, kind: str) -> str:
    """'stratum-daily-20261123.pdf': nothing of what people typed."""
    return f"stratum-{content['kind']}-{content['period']['to'].replace('-', '')}.{kind}"


def attachments_of(content: Part, files: Files) -> list[Attachment]:
    return [
        Attachment(file_name(content, "pdf"), "application/pdf", files.pdf),
        Attachment(file_name(content, "csv"), "text/csv", files.csv),
    ]


def mail_of(content: Part, restated: Part | None, digest: str, *, report_id: int | None = None) -> Mail:
    context = {
        "content": content,
        "blocks": blocks_of(content, restated),
        "digest": digest,
        "link": link_of(report_id),
    }
    text, html = email_render(
        "emails/report",
        context,
        kind=EmailKind.REPORT,
        locale=content["locale"],
        zone=content["period"]["zone"],
    )
    return Mail(one_line(f"{content['name']}: {content['title']}"), text, html)


def short_lines(content: Part, restated: Part | None) -> list[str]:
    """Title, figures, what was restated: for places without room for tables."""
    again = restated["block"]["lines"][:RESTATED_LINES] if restated and restated["reason"] != "none" else []
    return [content["title"], *_figures(content), *again]


def _figures(content: Part) -> list[str]:
    """'Revenue: $400.00 (+4.0%)', one for each key figure."""
    return [
        f"{line['label']}: {line['text']}" + (f" ({line['change']})" if line["change"] else "")
        for line in content["kpis"]
    ]


def slack_payload(content: Part, restated: Part | None, *, report_id: int | None = None) -> dict[str, Any]:
    title, *lines = short_lines(content, restated)
    head = f"*{escaped(content['workspace'])} · {escaped(content['name'])}*\n{escaped(title)}"
    spoken = [head, "\n".join(escaped(line) for line in lines)]
    with translation.override(content["locale"]):
        link = f"<{link_of(report_id)}|{_('Open the report in Stratum')}>"
    blocks: list[dict[str, Any]] = [{"type": "section", "text": {"type": "mrkdwn", "text": part}} for part in spoken]
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": link}]})
    return {"text": "\n".join(spoken), "blocks": blocks}


def whatsapp_text(content: Part, restated: Part | None, *, report_id: int | None = None) -> str:
    head = f"{content['workspace']} · {content['name']}"
    return "\n".join([head, *short_lines(content, restated), link_of(report_id)])


def whatsapp_variables(content: Part, *, report_id: int | None = None) -> dict[str, str]:
    """What fills a template: the key figures together, and each by its key. WhatsApp takes no line breaks, tabs or rows
    of blanks in them."""
    each = {line["key"]: line["text"] for line in content["kpis"]}
    together = {"period": content["title"], "figures": " · ".join(_figures(content)), "link": link_of(report_id)}
    values = {"report": content["name"], **each, **together}
    return {name: " ".join(value.split()) for name, value in values.items()}
