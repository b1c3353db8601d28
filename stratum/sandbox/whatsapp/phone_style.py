"""How the phone looks, and the script that keeps it fresh."""

STYLE = """
:root{--paper:#fff;--wall:#efeae2;--ink:#111b21;--soft:#54656f;--line:#d5dae1;--mine:#d9fdd3;--theirs:#fff;--head:#00705c;
--link:#0b6bab;--read:#0b75b5;--bad:#a4262c;--pick:#e9edef}
@media(prefers-color-scheme:dark){:root{--paper:#111b21;--wall:#0b141a;--ink:#e9edef;--soft:#a3b0b8;--line:#2a3942;
--mine:#005c4b;--theirs:#202c33;--head:#202c33;--link:#7cc7f2;--read:#53bdeb;--bad:#ff9a9a;--pick:#2a3942}}
body{color:var(--ink);display:flex;flex-direction:column;height:100dvh}
main{max-width:none;width:100%;box-sizing:border-box;margin:0;padding:0;border:0;border-radius:0;background:var(--wall);
flex:1;min-height:0}
.bar{padding:.35rem 1rem;font-size:.85rem}
a{color:var(--link)}
.phone{display:grid;grid-template-columns:minmax(17rem,22rem) minmax(0,1fr);height:100%;max-width:80rem;margin:auto;
background:var(--paper);border-inline:1px solid var(--line)}
.chats{border-inline-end:1px solid var(--line);overflow:auto}
.chats h1,.chats h2{font-size:1.4rem;margin:.9rem 1rem .1rem}.chats .back,.none{margin:0 1rem .7rem;color:var(--soft)}
.chats ul{margin:0}.chats li{padding:0;border-color:var(--line)}.chats li.current{background:var(--pick)}
.chats li a{display:grid;grid-template-columns:1fr auto;gap:0 .5rem;padding:.6rem 1rem;color:inherit;
text-decoration:none}
.chats li a:hover,.chats li a:focus-visible{background:var(--pick)}
.chats time,.chats em,.chats span{color:var(--soft);font-size:.88rem}.chats em{font-style:normal;grid-column:1/-1}
.chats span{white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
.chats b{background:var(--head);color:#fff;border-radius:1rem;font-size:.75rem;padding:.05rem .45rem;align-self:center;
justify-self:end}
@media(prefers-color-scheme:dark){.chats b{background:#00a884;color:#0b141a}}
.chats b i{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden}
.chat{display:flex;flex-direction:column;min-height:0;background:var(--wall)}
.chat header{display:flex;gap:.6rem;align-items:center;background:var(--head);color:#fff;padding:.5rem 1rem}
.chat header h1{margin:0;font-size:1.1rem}.chat header p{margin:0;font-size:.85rem}
.up{display:none;color:#fff;font-size:2rem;line-height:1;text-decoration:none;padding:0 .4rem}
details{background:var(--paper);border-bottom:1px solid var(--line);padding:.4rem 1rem;font-size:.9rem}
summary{cursor:pointer}.switches,.change{display:flex;flex-wrap:wrap;gap:.4rem;padding:.4rem 0}
.switches button,.change button{background:transparent;color:inherit;border-color:var(--soft)}
.lines{flex:1;overflow:auto;padding:.8rem 1rem;display:flex;flex-direction:column;gap:.35rem;min-height:0}
.bubble{max-width:min(32rem,85%);border-radius:.6rem;padding:.4rem .6rem;align-self:flex-start;background:var(--theirs);
box-shadow:0 1px 1px #0002;overflow-wrap:anywhere}
.bubble.mine{align-self:flex-end;background:var(--mine)}
.bubble p{margin:0;white-space:pre-wrap}.bubble .head{font-weight:600}.bubble .foot{color:var(--soft);font-size:.85rem}
.bubble small{display:block;text-align:end;color:var(--soft);font-size:.75rem}
.bubble.mine small{color:inherit;opacity:.85}
.bubble.accepted,.bubble.sent{background:var(--pick);box-shadow:none}.bubble.failed{border:1px dashed var(--bad)}
.bubble small.failed{color:var(--bad)}
.bubble img{display:block;max-width:100%;max-height:18rem;border-radius:.4rem;margin-bottom:.3rem}
.bubble .file{display:block;padding:.3rem 0;font-weight:600}
.ticks{letter-spacing:-.25em;padding-inline-end:.25em}.ticks.read{color:var(--read);font-weight:700}
.taps{border-top:1px solid var(--line);margin:.35rem -.6rem -.4rem;display:flex;flex-direction:column}
.taps>*{border-bottom:1px solid var(--line);text-align:center}.taps>*:last-child{border:0}
.taps button,.taps a,.taps output{display:block;width:100%;box-sizing:border-box;background:transparent;border:0;
border-radius:0;color:var(--link);padding:.5rem;text-decoration:none}
.day,.window{align-self:center;background:var(--paper);color:var(--soft);border-radius:.5rem;padding:.15rem .7rem;
font-size:.8rem;margin:.3rem 0;text-align:center}
.answer{display:flex;gap:.5rem;padding:.6rem 1rem;background:var(--paper);border-top:1px solid var(--line)}
.answer input{flex:1;min-width:0;border-radius:1.2rem;padding:.5rem .9rem}
::placeholder{color:var(--soft);opacity:1}
input,select{border:1px solid var(--soft);border-radius:.4rem;background:var(--paper);color:inherit}
.answer button,.start button{background:#00705c;border-color:#00705c}
.sheet{overflow:auto;padding:0 1.2rem 1.2rem}.start{display:grid;gap:.6rem;max-width:26rem}
.start label{display:grid;gap:.15rem}.start button{justify-self:start}
.sheet .plain li{border-color:var(--line)}.plain span{color:var(--soft)}
.problem{margin:0;padding:.5rem 1rem;background:var(--paper);color:var(--bad);border-bottom:1px solid var(--line)}
@media(max-width:48rem){.bar{font-size:.75rem;white-space:nowrap}.phone{display:block;height:auto;min-height:100%}.phone.in-chat{display:flex;flex-direction:column;
height:100%;min-height:0}.in-chat .chats{display:none}.in-chat .chat{flex:1}.up{display:block}.chats{border:0}
.bubble{max-width:88%}}
"""

# What people type is outside the parts that are replaced.
SCRIPT = """\
"use strict";
(() => {
  const parts = ["live-chats", "live-lines"];
  const end = () => {
    const lines = document.getElementById("live-lines");
    if (lines) lines.scrollTop = lines.scrollHeight;
  };
  const refresh = async () => {
    if (document.hidden) return;
    try {
      const answer = await fetch(location.pathname, {headers: {"Accept": "text/html"}});
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const id of parts) {
        const old = document.getElementById(id), now = fresh.getElementById(id);
        if (!old || !now || old.innerHTML === now.innerHTML) continue;
        const low = old.scrollHeight - old.scrollTop - old.clientHeight < 80;
        old.innerHTML = now.innerHTML;
        if (low) end();
      }
    } catch { /* the sandbox is gone or busy: the next time */ }
  };
  end();
  setInterval(refresh, 1500);
})();
"""
