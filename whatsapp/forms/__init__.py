"""Forms of the WhatsApp pages."""

from whatsapp.forms.contacts import CodeForm as CodeForm
from whatsapp.forms.contacts import ContactForm as ContactForm
from whatsapp.forms.contacts import NewContactForm as NewContactForm
from whatsapp.forms.contacts import OwnNumberForm as OwnNumberForm
from whatsapp.forms.contacts import WrittenConsentForm as WrittenConsentForm
from whatsapp.forms.replies import ReplyForm as ReplyForm
from whatsapp.forms.replies import TemplateForm as TemplateForm
