"""Reads of the WhatsApp tables."""

from whatsapp.queries.contacts import is_proven_by_person as is_proven_by_person
from whatsapp.queries.contacts import proven_by_person as proven_by_person
from whatsapp.queries.recipients import ALERTS as ALERTS
from whatsapp.queries.recipients import OBSTACLES as OBSTACLES
from whatsapp.queries.recipients import REPORTS as REPORTS
from whatsapp.queries.recipients import Recipient as Recipient
from whatsapp.queries.recipients import contacts_by_id as contacts_by_id
from whatsapp.queries.recipients import obstacle as obstacle
from whatsapp.queries.recipients import recipients as recipients
from whatsapp.queries.recipients import template_names as template_names
