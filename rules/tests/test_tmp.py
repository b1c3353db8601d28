import json

from rules.services.reports.content import report_make
from rules.tests.report_cast import *


def test_x(acme):
    make_history(acme)
    s = make_schedule(acme)
    m = inside(acme, lambda: report_make(s, moment=NOW, as_of=NOW, previous=None))
    print(json.dumps(m.content, indent=1, ensure_ascii=False))
