import time
from rules.tests.report_cast import *
from rules.services.reports.content import report_make
from rules.services.reports.document import report_pdf
from rules.services.reports.spreadsheet import report_csv
from rules.services.reports.freezing import content_hash
from rules.models import Report
def test_x(acme):
    c=make_history(acme, name="=Żółty Привет campaign")
    make_history(acme, name="حملة الصيف")
    s=make_schedule(acme, locale="en")
    prev=inside(acme, lambda: report_make(s, moment=NOW-datetime.timedelta(days=1), as_of=NOW-datetime.timedelta(days=1), previous=None))
    p=Report(pk=1,schedule=s,date_from=prev.days.start,date_to=prev.days.end,as_of=prev.as_of,content=prev.content)
    m=inside(acme, lambda: report_make(s, moment=NOW, as_of=NOW, previous=p))
    h=content_hash(m.content,m.restated)
    for loc in ("en","ar"):
        t=time.time()
        m.content["locale"]=loc
        b=report_pdf(m.content,m.restated,h)
        print(time.time()-t,len(b), b==report_pdf(m.content,m.restated,h))
        open(f"/tmp/fp/r-{loc}.pdf","wb").write(b)
    print(report_csv(m.content,m.restated,h).decode())
    print(m.restated)
