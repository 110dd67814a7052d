/** Three small charts, from the cases themselves; what has no data is said, never made up. */
import { computed } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { cases, casesChanged } from "../state/duty.ts";
import { isFinished } from "../state/queue.ts";
import { categoryName, gridByCode, townOf } from "../state/register.ts";
import { nowMs } from "../state/tick.ts";
import { words } from "../i18n/index.ts";

const hourMs = 3_600_000;
const shownBars = 5;
/** The charts are read, not watched: they follow the minute. */
const minute = computed(() => Math.floor(nowMs.value / 60_000) * 60_000);

export const lastDay = computed(() => {
  void casesChanged.value;
  const from = minute.value - 24 * hourMs;
  return [...cases.values()].filter((c) => Date.parse(c.made_at) >= from);
});

export function hours(made: number[], toMs: number): { x: number[]; y: number[] } {
  const end = Math.ceil(toMs / hourMs) * hourMs;
  const x = Array.from({ length: 24 }, (_, i) => (end - (24 - i) * hourMs) / 1000);
  const y = new Array<number>(24).fill(0);
  for (const t of made) {
    const i = 24 - Math.ceil((end - t) / hourMs);
    if (i >= 0 && i < 24) y[i] = (y[i] ?? 0) + 1;
  }
  return { x, y };
}

function count<T>(list: T[], key: (x: T) => string | null, open: (x: T) => boolean): { key: string; open: number; all: number }[] {
  const out = new Map<string, { key: string; open: number; all: number }>();
  for (const item of list) {
    const k = key(item);
    if (k === null) continue;
    const row = out.get(k) ?? { key: k, open: 0, all: 0 };
    row.all++;
    if (open(item)) row.open++;
    out.set(k, row);
  }
  return [...out.values()].sort((a, b) => b.all - a.all || (a.key < b.key ? -1 : 1)).slice(0, shownBars);
}

export function Charts() {
  const w = words.value;
  const list = lastDay.value;
  const byCategory = count(list, (c) => c.category, (c) => !isFinished(c));
  const byTown = count(list, (c) => (c.responsible.code ? (townOf(gridByCode.value.get(c.responsible.code)?.area_code)?.name ?? null) : null), (c) => !isFinished(c));
  return (
    <section class="charts" aria-label={w.trend}>
      <div class="chart">
        <header>
          <h2>{w.trend}</h2>
          <span>{w.trendSum(list.length)}</span>
        </header>
        <Trend />
      </div>
      <div class="chart">
        <header>
          <h2>{w.byCategory}</h2>
          <span class="quiet"><span class="span">{w.last24} · </span>{w.piece}</span>
        </header>
        <Bars rows={byCategory.map((r) => ({ ...r, name: categoryName(r.key), open: 0 }))} split={false} />
      </div>
      <div class="chart">
        <header>
          <h2>{w.byTown}</h2>
          <span class="quiet"><span class="span">{w.last24} · </span>{w.openOfAll}</span>
        </header>
        <Bars rows={byTown.map((r) => ({ ...r, name: r.key }))} split />
      </div>
    </section>
  );
}

function Bars({ rows, split }: { rows: { key: string; name: string; open: number; all: number }[]; split: boolean }) {
  const w = words.value;
  const most = Math.max(1, ...rows.map((r) => r.all));
  if (rows.length === 0) return <p class="quiet">{w.noData}</p>;
  return (
    <div class="bars">
      {rows.map((r) => (
        <>
          <span class="name" title={r.name}>{r.name}</span>
          <span class="track" aria-hidden="true">
            <i class="open" style={{ width: `${(r.open / most) * 100}%` }} />
            <i style={{ width: `${((r.all - r.open) / most) * 100}%` }} />
          </span>
          <span class="n">{split ? `${r.open} / ${r.all}` : r.all}</span>
        </>
      ))}
    </div>
  );
}

function Trend() {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const { x, y } = hours(lastDay.value.map((c) => Date.parse(c.made_at)), minute.value);
  useEffect(() => {
    const el = box.current;
    if (!el) return;
    const ink = "#9db0c9";
    const axis = { stroke: ink, font: "11px system-ui", ticks: { show: false } };
    const chart = new uPlot(
      {
        width: Math.max(80, el.clientWidth),
        height: Math.max(60, el.clientHeight),
        legend: { show: false },
        cursor: { show: false },
        padding: [6, 6, 0, 0],
        scales: { y: { range: (_u, _min, max) => [0, Math.max(4, max * 1.15)] } },
        axes: [
          { ...axis, size: 22, grid: { show: false }, space: 70, values: (_u, v) => v.map((s) => String(new Date(s * 1000).getHours()).padStart(2, "0")) },
          { ...axis, size: 26, grid: { stroke: "#1b2839", width: 1 }, space: 34, values: (_u, v) => v.map((n) => (Number.isInteger(n) ? String(n) : "")) },
        ],
        series: [{}, { stroke: "#309ef6", width: 1.8, fill: "rgba(48,158,246,.16)", points: { show: false } }],
      },
      [x, y],
      el,
    );
    plot.current = chart;
    const watch = new ResizeObserver(() => chart.setSize({ width: Math.max(80, el.clientWidth), height: Math.max(60, el.clientHeight) }));
    watch.observe(el);
    return () => {
      watch.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => {
    plot.current?.setData([x, y]);
  }, [y.join(), x[0]]);
  return <div class="plot" ref={box} role="img" aria-label={`${words.value.trend}: ${y.join(", ")}`} />;
}
