"""The frame of the sandbox's own HTML pages."""

from html import escape

_STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#f4f5f7;color:#1c2430}
main{max-width:64rem;margin:2rem auto;padding:1.5rem 2rem;background:#fff;border:1px solid #d5dae1;border-radius:8px}
.bar{padding:.5rem 2rem;background:#7a3b00;color:#fff;font-weight:600}
h1{font-size:1.4rem;margin:.2rem 0 1rem}h2{font-size:1.1rem;margin:1.6rem 0 .4rem}
ul{list-style:none;padding:0}li{padding:.45rem 0;border-bottom:1px solid #e6e9ee;overflow-wrap:anywhere}
li span{display:block;color:#5a6472}
table{border-collapse:collapse;width:100%;font-size:.9rem}th,td{text-align:left;padding:.3rem .5rem;
border-bottom:1px solid #e6e9ee;vertical-align:top}td.n{text-align:right;font-variant-numeric:tabular-nums}
button{font:inherit;padding:.4rem .9rem;border:1px solid #14508c;border-radius:6px;background:#14508c;color:#fff;
cursor:pointer}button.plain{background:transparent;color:inherit;border-color:#8a94a3}
input,select{font:inherit;padding:.3rem}form.line{display:flex;gap:.5rem;flex-wrap:wrap;align-items:center}
a{color:#14508c}
@media(prefers-color-scheme:dark){body{background:#12161c;color:#e4e8ee}main{background:#1a2028;border-color:#333c48}
li,th,td{border-color:#2c3540}a{color:#8fc0f5}li span{color:#a3adba}}
"""


def page(title: str, body: str, *, style: str = "", script: str = "") -> str:
    """A complete page; `body` is HTML, `title` is text, `style` further CSS, `script` the path of one."""
    loaded = f'<script src="{escape(script)}" defer></script>' if script else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}{style}</style>{loaded}</head><body>"
        '<header class="bar">Sandbox: simulated accounts, invented numbers</header>'
        f"<main>{body}</main></body></html>"
    )
