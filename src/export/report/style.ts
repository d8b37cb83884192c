/** Style of the page: dark and light, narrow and wide, on paper. The colours differ for colour-blind readers too. */

export const STYLE = `
:root{color-scheme:light dark;--bg:#fff;--fg:#1a1a1a;--dim:#595959;--line:#d0d0d0;--panel:#f6f7f9;--blue:#0060a0;--orange:#b34700;--red:#a8123e;--fill:#0060a033;--band:#b347001a}
@media (prefers-color-scheme:dark){:root{--bg:#14171c;--fg:#e8e8e8;--dim:#a8b0ba;--line:#3a414b;--panel:#1d2229;--blue:#6cb8f0;--orange:#f0a050;--red:#ff8fa8;--fill:#6cb8f040;--band:#f0a05026}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:16px/1.5 system-ui,sans-serif}
main,header,footer{max-width:64rem;margin:0 auto;padding:0 1rem}
h1{font-size:1.5rem;margin:1.5rem 0 .25rem}
h2{font-size:1.15rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}
p,ul{margin:.5rem 0}
pre{margin:.5rem 0;padding:.5rem .75rem;background:var(--panel);border:1px solid var(--line);border-radius:.4rem;font-size:.85rem;white-space:pre-wrap;overflow-wrap:anywhere}
.dim,figcaption,caption{color:var(--dim)}
a{color:var(--blue)}
.skip{position:absolute;left:-99rem}
.skip:focus{left:1rem;top:.5rem;background:var(--bg);padding:.25rem .5rem}
:focus-visible{outline:3px solid var(--orange);outline-offset:2px}
.cards{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;margin:1rem 0;padding:0;list-style:none}
.cards li{background:var(--panel);border:1px solid var(--line);border-radius:.4rem;padding:.5rem .75rem}
.cards b{display:block;font-size:1.3rem;font-variant-numeric:tabular-nums}
figure{margin:1rem 0}
svg{display:block;width:100%;height:auto;background:var(--panel);border:1px solid var(--line);border-radius:.4rem}
svg text{fill:var(--dim);font:12px system-ui,sans-serif}
svg .name{fill:var(--fg);paint-order:stroke;stroke:var(--panel);stroke-width:4px;stroke-linejoin:round}
.area{fill:var(--fill)}
.curve{fill:none;stroke:var(--blue);stroke-width:1.5;stroke-linejoin:round}
.axis{stroke:var(--line);stroke-width:1}
.bar{fill:var(--blue)}
.band{fill:var(--band)}
.mark{stroke:var(--dim);stroke-dasharray:3 3}
.severe{fill:var(--red)}.high{fill:var(--orange)}.notice{fill:var(--blue)}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums;font-size:.92rem}
caption{text-align:left;padding:.25rem 0}
th,td{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th.n,td.n{text-align:right}
td{overflow-wrap:anywhere}
td.n,time{white-space:nowrap}
.level{font-weight:600;white-space:nowrap}
.level.severe{color:var(--red)}.level.high{color:var(--orange)}.level.notice{color:var(--blue)}
rect.frame{stroke:var(--bg);stroke-width:.5}rect.process{fill:var(--blue)}rect.user{fill:#e69f00}rect.kernel{fill:#cc79a7}svg text.frame{fill:#000;font-size:10px}rect.process+text.frame{fill:var(--bg)}
details{margin:.5rem 0}
summary{cursor:pointer}
@media print{body{font-size:11pt}details>*{display:block}.skip,.live{display:none}figure,tr{break-inside:avoid}h2{break-after:avoid}}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
`;
