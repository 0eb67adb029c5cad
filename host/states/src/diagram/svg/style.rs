//! Colours and arrow heads.

/// Style sheet: light, then what is other on dark pages.
pub(super) const STYLE: &str = "
.page{fill:#ffffff}
text{font-family:ui-sans-serif,system-ui,'Segoe UI',Helvetica,Arial,sans-serif;text-anchor:middle;\
font-size:11px;fill:#4b5563}
.name{font-size:13px;font-weight:600;fill:#111827}
.box{fill:#f8fafc;stroke:#64748b;stroke-width:1.3}
.task .box{fill:#eff6ff;stroke:#3b82f6}
.choice .box{fill:#fefce8;stroke:#ca8a04}
.wait .box{fill:#f5f3ff;stroke:#8b5cf6}
.succeed .box{fill:#f0fdf4;stroke:#16a34a}
.fail .box{fill:#fef2f2;stroke:#dc2626}
.parallel .box,.map .box{fill:#f1f5f9;stroke:#475569}
.branch{fill:#ffffff;stroke:#cbd5e1;stroke-dasharray:3 3}
.running .box{stroke:#2563eb;stroke-width:3;fill:#dbeafe}
.succeeded .box{stroke:#16a34a;stroke-width:2.4;fill:#dcfce7}
.failed .box{stroke:#dc2626;stroke-width:2.4;fill:#fee2e2}
.edge{fill:none;stroke:#64748b;stroke-width:1.4}
.edge.catch{stroke:#c2410c;stroke-dasharray:5 4}
.head{fill:#64748b}.head.catch{fill:#c2410c}
.label rect{fill:#ffffff;fill-opacity:.92}.label.catch text{fill:#c2410c}
.start{fill:#334155}.end{fill:none;stroke:#334155;stroke-width:1.6}
@media (prefers-color-scheme:dark){
.page{fill:#0d1117}
text{fill:#9ca3af}.name{fill:#f3f4f6}
.box{fill:#1f2937;stroke:#94a3b8}
.task .box{fill:#172554;stroke:#60a5fa}
.choice .box{fill:#422006;stroke:#facc15}
.wait .box{fill:#2e1065;stroke:#a78bfa}
.succeed .box{fill:#052e16;stroke:#4ade80}
.fail .box{fill:#450a0a;stroke:#f87171}
.parallel .box,.map .box{fill:#161b22;stroke:#94a3b8}
.branch{fill:#0d1117;stroke:#374151}
.running .box{fill:#1e3a8a;stroke:#93c5fd}
.succeeded .box{fill:#14532d;stroke:#4ade80}
.failed .box{fill:#7f1d1d;stroke:#f87171}
.edge,.end{stroke:#94a3b8}.edge.catch{stroke:#fb923c}
.head{fill:#94a3b8}.head.catch{fill:#fb923c}
.label rect{fill:#0d1117}.label.catch text{fill:#fb923c}
.start{fill:#cbd5e1}
}
";

/// Arrow heads of edges.
pub(super) const ARROWS: &str = r#"<defs>
<marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path class="head" d="M0 1L10 5L0 9Z"/></marker>
<marker id="arrow-catch" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path class="head catch" d="M0 1L10 5L0 9Z"/></marker>
</defs>"#;
