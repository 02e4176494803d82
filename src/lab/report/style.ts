import { cssVariables } from './palette.ts';

/** The page's style: system fonts, both colour schemes, paper. */
export const stylesheet = `
:root{color-scheme:light dark;--page:#fff;--panel:#f7f8f9;--line:#d9dce1;--warn:#8a2c0d;
--warn-page:#fdf1ea;${cssVariables('light')}}
@media (prefers-color-scheme:dark){:root{--page:#15181c;--panel:#1c2025;--line:#343a42;
--warn:#ffb59a;--warn-page:#3a231a;${cssVariables('dark')}}}
*{box-sizing:border-box}
body{margin:0 auto;padding:24px;max-width:1640px;background:var(--page);color:var(--ink);
font:15px/1.5 Inter,"Segoe UI","Helvetica Neue",Helvetica,Arial,"Liberation Sans","Noto Sans",
"DejaVu Sans",sans-serif}
h1{font-size:26px;line-height:1.25;margin:0 0 4px}
h2{font-size:20px;margin:36px 0 12px;padding-top:8px;border-top:1px solid var(--line)}
p,dl{max-width:76ch}
.lead{color:var(--muted);margin:2px 0}
nav{margin:12px 0 0}
nav a{margin-right:16px}
a{color:var(--system-0)}
.warning{color:var(--warn);background:var(--warn-page);border-left:4px solid currentColor;
padding:8px 14px;margin:14px 0;max-width:none}
.warning ul{margin:0;padding-left:18px}
.scroll{overflow-x:auto;margin:0 0 22px}
table{border-collapse:collapse;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:4px 0 6px}
th,td{padding:3px 12px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--line)}
thead th{font-weight:600;vertical-align:bottom;border-bottom:2px solid var(--muted);
line-height:1.25}
tbody th{font-weight:400}
th.text,td.text{text-align:left}
tr.first td,tr.first th{border-top:1px solid var(--muted)}
td.wrap{white-space:normal;overflow-wrap:anywhere;min-width:14ch}
.swatch{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:7px}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,600px),1fr));gap:18px;
align-items:start;margin:0 0 18px}
figure{margin:0;padding:8px;border:1px solid var(--line);border-radius:6px;overflow:hidden;
break-inside:avoid}
figure svg{display:block;width:100%;max-width:900px;height:auto;margin:0 auto}
details{margin:0 0 14px}
summary{cursor:pointer;font-weight:600;padding:6px 0}
dt{font-weight:600;margin-top:10px}
dd{margin:2px 0 0}
pre{background:var(--panel);border:1px solid var(--line);border-radius:6px;padding:10px 14px;
white-space:pre-wrap;overflow-wrap:anywhere}
code,pre,td.code{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",
"DejaVu Sans Mono",monospace;font-size:13px}
footer{margin-top:40px;color:var(--muted)}
@media print{:root{--page:#fff;--panel:#fff;--line:#d9dce1;${cssVariables('light')}}
body{padding:0;max-width:none;font-size:10.5pt}nav{display:none}
.scroll{overflow:visible}th,td{padding:2px 6px;white-space:normal}
tbody th{white-space:nowrap}.swatch{print-color-adjust:exact}
.plots{display:block}figure{border:0;padding:0;margin:0 0 14px}
h2,summary,caption{break-after:avoid}}
`;

/** Paper has nothing to click: what is folded is opened for printing and folded again. */
export const script = `
(function(){var opened=[];
addEventListener('beforeprint',function(){
document.querySelectorAll('details:not([open])').forEach(function(d){d.open=true;opened.push(d)})});
addEventListener('afterprint',function(){opened.splice(0).forEach(function(d){d.open=false})});
})();
`;
