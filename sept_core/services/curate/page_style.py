"""Style of the pages that others read: light and dark, on paper and on a phone.

In: nothing. Out: CSS, and the sign of SEPT as SVG.
"""

STYLE = """
:root{color-scheme:light dark;--accent:light-dark(#0f766e,#3fb8a9);--ground:light-dark(#fbfbf9,
  #151918);--panel:light-dark(#fff,#1a1f1d);--soft:light-dark(#e9eeea,#263330);
  --line:light-dark(#dcddd6,#323a37);--ink:light-dark(#1f2523,#e4e8e5);
  --quiet:light-dark(#59635f,#a3ada8)}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--ink);font:16px/1.55 system-ui,-apple-system,
  "Segoe UI",sans-serif;font-variant-numeric:tabular-nums}
main{max-width:76rem;margin:0 auto;padding:3rem 2rem 4rem}
.mark{display:flex;align-items:center;gap:.55rem;color:var(--quiet);font-size:.9rem;
  margin:0 0 1.6rem}
.mark svg{width:18px;height:18px;fill:var(--accent)}
.mark b{color:var(--ink);letter-spacing:.02em}
h1{font-size:clamp(1.6rem,3.4vw,2.35rem);line-height:1.15;font-weight:650;margin:0 0 .7rem;
  letter-spacing:-.01em;overflow-wrap:anywhere}
h2{font-size:1.12rem;font-weight:650;margin:0 0 .35rem;line-height:1.3}
.lead{font-size:1.13rem;max-width:48rem;margin:0}
.note{color:var(--quiet);font-size:.9rem;margin:.1rem 0 .9rem}
section{margin-top:3rem}
.tiles{display:flex;flex-wrap:wrap;margin-top:2rem;border:1px solid var(--line);
  border-radius:10px;overflow:hidden;background:var(--panel)}
.tile{flex:1 1 11rem;box-shadow:0 0 0 .5px var(--line);padding:1rem 1.15rem}
.tile b{display:block;font-size:1.55rem;line-height:1.2;font-weight:650}
.tile span{color:var(--quiet);font-size:.87rem}
.two{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,26rem),1fr));
  gap:2.6rem 3rem}
.chart{width:100%;height:auto;display:block}
.chart text{fill:var(--quiet);font-size:12.5px}
.chart .rule{stroke:var(--line)}
.chart .band{fill:var(--accent);opacity:.18}
.chart .line{fill:none;stroke:var(--accent);stroke-width:2.2;stroke-linejoin:round}
.bars{display:grid;grid-template-columns:max-content 1fr max-content;gap:.42rem .8rem;
  align-items:center;font-size:.92rem}
.bar{display:contents}
.bar .name{max-width:17rem;overflow-wrap:anywhere}
.bar .track{background:var(--soft);border-radius:3px;height:.62rem;overflow:hidden}
.bar i{display:block;height:100%;background:var(--accent);border-radius:3px}
.bar .value{text-align:right}
.pictures{display:grid;grid-template-columns:repeat(auto-fill,minmax(7.6rem,1fr));
  gap:.75rem .6rem}
figure{margin:0;min-width:0}
figure img,figure .gone{width:100%;aspect-ratio:1;object-fit:cover;display:block;
  border-radius:6px;background:var(--soft)}
.gone{display:grid!important;place-items:center;color:var(--quiet);font-size:.8rem;
  text-align:center;padding:.4rem}
figcaption{font-size:.78rem;color:var(--quiet);line-height:1.35;margin-top:.25rem;
  white-space:nowrap;overflow:hidden;text-overflow:ellipsis}
figcaption b{font-weight:500;color:var(--ink);display:block;overflow:hidden;
  text-overflow:ellipsis}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.92rem;width:100%}
th,td{text-align:left;vertical-align:top;padding:.42rem 1.2rem .42rem 0;
  border-bottom:1px solid var(--line)}
th{font-weight:600;color:var(--quiet)}
td.number,th.number{text-align:right;padding-right:0}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.4rem 1.6rem;margin:0;
  font-size:.92rem}
dt{color:var(--quiet)}
dd{margin:0;overflow-wrap:anywhere}
footer{margin-top:3.2rem;padding-top:1rem;border-top:1px solid var(--line);color:var(--quiet);
  font-size:.87rem}
@media (max-width:640px){
main{padding:1.6rem 1rem 3rem}
section{margin-top:2.3rem}
.pictures{grid-template-columns:repeat(3,1fr);gap:.6rem .4rem}
dl{grid-template-columns:1fr;gap:0}
dd{margin-bottom:.6rem}
.bar .name{max-width:9.5rem}
.tile{padding:.8rem .9rem;flex-basis:9rem}
.tile b{font-size:1.3rem}
.chart text{font-size:19px}
}
@media print{
body{background:#fff}
main{max-width:none;padding:0}
figure,.tile,tr{break-inside:avoid}
}
"""

MARK = (
    '<svg viewBox="0 0 16 16" aria-hidden="true"><rect x="1" y="1" width="6" height="6" rx="1.5" '
    'opacity=".4"/><rect x="9" y="1" width="6" height="6" rx="1.5"/><rect x="1" y="9" width="6" '
    'height="6" rx="1.5"/><rect x="9" y="9" width="6" height="6" rx="1.5" opacity=".4"/></svg>'
)
